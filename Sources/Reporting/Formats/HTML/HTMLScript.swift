/// The page's script: sorting, theme, and where a number comes from.
///
/// Without it all text is there.
enum HTMLScript {
  static let text = """
    (function(){
    var root=document.documentElement,facts=JSON.parse(document.getElementById('facts').textContent);
    document.getElementById('theme').addEventListener('click',function(){
      var dark=root.dataset.theme?root.dataset.theme==='dark':matchMedia('(prefers-color-scheme:dark)').matches;
      root.dataset.theme=dark?'light':'dark';});
    document.querySelectorAll('table.sort').forEach(function(table){
      var body=table.tBodies[0];
      table.querySelectorAll('thead th').forEach(function(head,column){
        head.tabIndex=0;
        function sort(){
          var down=head.getAttribute('aria-sort')!=='descending';
          table.querySelectorAll('thead th').forEach(function(other){other.removeAttribute('aria-sort');});
          head.setAttribute('aria-sort',down?'descending':'ascending');
          var rows=Array.from(body.rows);
          rows.sort(function(a,b){
            var x=a.cells[column].dataset.v,y=b.cells[column].dataset.v,n=x-y;
            var order=isNaN(n)?x.localeCompare(y):n;
            return down?-order:order;});
          rows.forEach(function(row){body.appendChild(row);});}
        head.addEventListener('click',sort);
        head.addEventListener('keydown',function(e){if(e.key==='Enter')sort();});});});
    var dialog=document.getElementById('source'),place=dialog.querySelector('div');
    document.querySelectorAll('button[data-cell]').forEach(function(button){
      button.addEventListener('click',function(){
        var entry=facts[button.dataset.cell];if(!entry)return;
        place.textContent='';
        var title=document.createElement('h3');title.textContent=entry[0][1]+' %';place.appendChild(title);
        var list=document.createElement('dl');
        [['cell',entry[0][0]]].concat(entry.slice(1)).forEach(function(fact){
          var name=document.createElement('dt'),text=document.createElement('dd');
          name.textContent=fact[0];text.textContent=fact[1];list.appendChild(name);list.appendChild(text);});
        place.appendChild(list);dialog.showModal();});});
    dialog.addEventListener('click',function(e){if(e.target===dialog)dialog.close();});
    })();
    """
}
