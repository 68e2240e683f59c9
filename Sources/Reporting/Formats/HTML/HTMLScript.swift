/// The page's script: sorting, theme, baseline, search, and a window for where a number comes from.
///
/// Without it all text is there, against the usual baseline.
enum HTMLScript {
  static let text = """
    (function(){
    var root=document.documentElement;
    root.classList.add('js');
    function all(what,place){return Array.from((place||document).querySelectorAll(what));}
    document.getElementById('theme').addEventListener('click',function(){
      var dark=root.dataset.theme?root.dataset.theme==='dark':matchMedia('(prefers-color-scheme:dark)').matches;
      root.dataset.theme=dark?'light':'dark';});

    all('table.sort').forEach(function(table){
      var body=table.tBodies[0],heads=all('thead th',table);
      heads.forEach(function(head,column){
        head.querySelector('button').addEventListener('click',function(){
          var down=head.getAttribute('aria-sort')!=='descending';
          heads.forEach(function(other){other.removeAttribute('aria-sort');});
          head.setAttribute('aria-sort',down?'descending':'ascending');
          var rows=Array.from(body.rows);
          rows.sort(function(a,b){
            var x=a.cells[column].dataset.v,y=b.cells[column].dataset.v;
            if(x===''||y==='')return x===y?0:x===''?1:-1;
            var n=x-y,order=isNaN(n)?x.localeCompare(y):n;
            return down?-order:order;});
          rows.forEach(function(row){body.appendChild(row);});});});});

    var dialog=document.getElementById('source'),place=dialog.querySelector('div');
    all('a.number').forEach(function(link){
      link.addEventListener('click',function(event){
        var fact=document.getElementById(link.getAttribute('href').slice(1));
        if(!fact||event.ctrlKey||event.metaKey||event.shiftKey)return;
        event.preventDefault();
        place.textContent='';
        [fact,fact.parentNode.querySelector('h3'),fact.parentNode.querySelector('.run')].forEach(function(part){
          var copy=part.cloneNode(true);copy.removeAttribute('id');place.appendChild(copy);});
        dialog.showModal();});});
    dialog.addEventListener('click',function(event){
      if(event.target===dialog||event.target.matches('a.link'))dialog.close();});

    var base=document.getElementById('base'),find=document.getElementById('find');
    var word=document.getElementById('word'),found=document.getElementById('found');
    function filter(){
      if(!find)return;
      var words=find.value.toLowerCase().split(' ').filter(Boolean),rows=all('main>section tbody tr');
      var shown=0,measured=0,published=0;
      rows.forEach(function(row){
        var text=row.textContent.toLowerCase();
        var has=words.every(function(part){return text.indexOf(part)>=0;});
        if(has&&word.value)has=all('.word.'+word.value,row).some(function(mark){return !mark.closest('[hidden]');});
        row.hidden=!has;
        if(row.closest('.published')){if(has)published++;}else if(!row.closest('details')){measured++;if(has)shown++;}});
      found.textContent=words.length||word.value?
        shown+' of '+measured+' rows'+(published?', '+published+' published figures':''):'';}
    function compare(){
      all('[data-base]').forEach(function(part){part.hidden=part.dataset.base!==base.value;});filter();}
    if(base)base.addEventListener('change',compare);
    if(find){
      find.addEventListener('input',filter);word.addEventListener('change',filter);
      find.form.addEventListener('submit',function(event){event.preventDefault();});}

    document.addEventListener('keydown',function(event){
      if(event.key!=='Escape'||dialog.open)return;
      var large=document.querySelector('.shot:target');
      if(!large)return;
      large.querySelector('a.close').click();large.querySelector('a.pictures').focus();});
    addEventListener('beforeprint',function(){
      all('details:not([open])').forEach(function(part){part.open=true;part.dataset.printed='';});});
    addEventListener('afterprint',function(){
      all('details[data-printed]').forEach(function(part){part.open=false;delete part.dataset.printed;});});
    })();
    """
}
