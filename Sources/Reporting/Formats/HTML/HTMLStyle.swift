/// The page's style: light and dark, wide and narrow.
enum HTMLStyle {
  static let text = """
    :root{--bg:#fbfaf7;--card:#fff;--ink:#1d1f24;--soft:#646a76;--line:#e3e1da;--good:#1a7f4b;
    --bad:#b4362c;--even:#6b6f79;--same:#33608c;--s0:#33608c;--s1:#c2671b;--s2:#2f8f6b;--s3:#a63d6d;--s4:#6b57b8;
    --s5:#8a7a1f;--s6:#2a8ea8;--s7:#7d5a44;color-scheme:light}
    @media (prefers-color-scheme:dark){:root:not([data-theme=light]){--bg:#14161a;--card:#1c1f25;
    --ink:#e8e6e1;--soft:#9aa0ac;--line:#31353e;--good:#5fc98f;--bad:#ee8277;--even:#a5a9b3;--same:#7fb0e0;
    --s0:#7fb0e0;--s1:#eda35c;--s2:#6fcfa7;--s3:#e58bb4;--s4:#ab9bf0;--s5:#d6c45c;--s6:#6ecbe2;
    --s7:#c9a388;color-scheme:dark}}
    :root[data-theme=dark]{--bg:#14161a;--card:#1c1f25;--ink:#e8e6e1;--soft:#9aa0ac;--line:#31353e;
    --good:#5fc98f;--bad:#ee8277;--even:#a5a9b3;--same:#7fb0e0;--s0:#7fb0e0;--s1:#eda35c;--s2:#6fcfa7;--s3:#e58bb4;
    --s4:#ab9bf0;--s5:#d6c45c;--s6:#6ecbe2;--s7:#c9a388;color-scheme:dark}
    *{box-sizing:border-box}
    body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 system-ui,-apple-system,
    "Segoe UI",Roboto,"DejaVu Sans",sans-serif;font-variant-numeric:tabular-nums}
    header,nav,main{max-width:1180px;margin:0 auto;padding:0 20px}
    header{display:flex;justify-content:space-between;align-items:flex-start;padding-top:28px}
    h1{font-size:30px;margin:0;letter-spacing:-.02em}h2{font-size:22px;margin:44px 0 4px;
    letter-spacing:-.01em}h3{font-size:16px;margin:28px 0 10px}
    .sub{color:var(--soft);margin:2px 0 14px}
    nav{display:flex;gap:18px;overflow-x:auto;white-space:nowrap;scrollbar-width:thin;padding-top:6px;padding-bottom:6px;position:sticky;top:0;
    background:var(--bg);z-index:3;border-bottom:1px solid var(--line)}
    a{color:inherit}nav a{text-decoration:none;color:var(--soft);padding:6px 0}nav a:hover{color:var(--ink)}
    button{font:inherit;color:inherit;background:none;border:0;cursor:pointer}
    #theme{border:1px solid var(--line);border-radius:8px;width:40px;height:40px;font-size:18px}
    section{scroll-margin-top:52px}
    [hidden]{display:none!important}.view{display:contents}.scripted{display:none}.js .scripted{display:revert}
    .js .tools{display:flex;flex-wrap:wrap;gap:10px 18px;align-items:center;margin:18px 0 0;font-size:14px;color:var(--soft)}
    .tools select,.tools input{font:inherit;color:var(--ink);background:var(--card);border:1px solid var(--line);
    border-radius:8px;padding:6px 9px;margin-left:4px;max-width:100%}
    .card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:14px 16px;margin:0}
    .cards{display:grid;gap:14px;grid-template-columns:repeat(auto-fill,minmax(250px,1fr));margin:22px 0 0}
    .verdict{display:flex;flex-direction:column;text-decoration:none;border-left:5px solid var(--even)}
    .verdict.better{border-left-color:var(--good)}.verdict.worse{border-left-color:var(--bad)}
    .verdict.equivalent{border-left-color:var(--same)}
    .verdict .big{font-size:30px;font-weight:650;letter-spacing:-.02em;line-height:1.3}
    .verdict span{color:var(--soft)}.verdict .big{color:var(--ink)}
    .word{font-weight:650}.better>.word,.word.better{color:var(--good)!important}
    .worse>.word,.word.worse{color:var(--bad)!important}.undecided>.word,.word.undecided,
    .not-judged>.word{color:var(--even)!important}.equivalent>.word,.word.equivalent{color:var(--same)!important}
    small{color:var(--soft);font-size:13px}
    .scroll{overflow-x:auto;border:1px solid var(--line);border-radius:12px;background:var(--card)}
    table{border-collapse:collapse;width:100%}
    th,td{padding:8px 12px;text-align:left;border-bottom:1px solid var(--line);vertical-align:top;
    font-weight:400}
    tbody tr:last-child>*{border-bottom:0}
    caption{text-align:left;color:var(--soft);font-size:13px;padding:10px 12px 2px}
    caption span{display:inline-block;position:sticky;left:12px;max-width:min(100%,calc(100vw - 56px))}
    thead th{font-size:13px;white-space:nowrap;user-select:none;padding:0}
    thead button{color:var(--soft);padding:8px 12px;width:100%;text-align:inherit}
    thead button:hover{color:var(--ink)}
    thead th[aria-sort=ascending] button::after{content:" ↑"}
    thead th[aria-sort=descending] button::after{content:" ↓"}
    tbody th{position:sticky;left:0;background:var(--card);font-weight:600;min-width:170px}
    td:nth-child(2){white-space:nowrap}
    tr:has(.view:not([hidden])>.baseline)>*,tr:has(.mark>.baseline)>*{background:color-mix(in srgb,var(--line) 38%,var(--card))}
    .n{text-align:right}.number{display:inline-block;text-decoration:none}
    .number:hover b{text-decoration:underline;text-underline-offset:3px}
    .number small{display:block;white-space:nowrap}.number small.word,.number small[title]{white-space:normal}
    .link{color:var(--soft);text-decoration:none;font-weight:400;font-size:13px;margin-left:6px}
    tbody th .link{position:absolute;right:4px;opacity:0}tr:hover th .link,th .link:focus-visible{opacity:1}
    tr:target>*,td:target,.fact:target,.source:target{background:color-mix(in srgb,var(--same) 18%,var(--card))}
    tr,td,.fact,.source,.images{scroll-margin-top:60px}
    :focus-visible{outline:2px solid var(--same);outline-offset:2px;border-radius:4px}
    .published th{font-weight:500}.published em{color:var(--soft);font-size:13px}
    .notes{color:var(--soft);font-size:14px;padding-left:20px;margin:12px 0 0}
    .notes li{margin:3px 0;overflow-wrap:anywhere}
    .grid{display:grid;gap:14px;grid-template-columns:repeat(auto-fill,minmax(min(340px,100%),1fr));
    margin-top:20px;align-items:start}
    figcaption{margin-bottom:8px}figcaption small{display:block}
    svg{width:100%;height:auto;display:block}svg text{font-size:11.5px;fill:var(--ink)}
    svg text{paint-order:stroke;stroke:var(--card);stroke-width:3px;stroke-linejoin:round}
    svg .heat{fill:var(--s0);stroke:var(--line);stroke-width:.5}svg .over{fill:var(--card);stroke:none}
    svg .tick{fill:var(--soft);font-size:11px}svg .rule{stroke:var(--line)}
    svg .zero{stroke:var(--soft);stroke-width:1.2}
    svg .whisker{stroke-width:2;stroke:var(--even)}svg .dot{fill:var(--even)}
    svg .whisker.better{stroke:var(--good)}svg .whisker.equivalent{stroke:var(--same)}svg .whisker.worse{stroke:var(--bad)}
    svg .dot.better,svg text.better,svg .gain{fill:var(--good)}
    svg .dot.equivalent,svg text.equivalent{fill:var(--same)}
    svg .dot.worse,svg text.worse,svg .loss{fill:var(--bad)}
    svg .curve{fill:none;stroke-width:2;stroke-linejoin:round}svg .thin{stroke-width:1;opacity:.75}
    .s0{--c:var(--s0)}.s1{--c:var(--s1)}.s2{--c:var(--s2)}.s3{--c:var(--s3)}.s4{--c:var(--s4)}
    .s5{--c:var(--s5)}.s6{--c:var(--s6)}.s7{--c:var(--s7)}
    svg .curve{stroke:var(--c)}svg .bar{fill:var(--c)}
    svg .point{fill:var(--c);fill-opacity:.85}svg .reach{stroke:var(--c);stroke-width:2}
    svg .published .point{fill:var(--card);stroke:var(--soft);stroke-width:1.5}svg .published text{fill:var(--soft)}
    .key{display:inline-block;width:10px;height:10px;border-radius:3px;background:var(--c);margin-right:7px}
    .legend{display:flex;gap:4px 14px;flex-wrap:wrap;margin:8px 0 0;font-size:13px;color:var(--soft)}
    .gallery{display:grid;gap:12px;grid-template-columns:repeat(auto-fill,minmax(min(270px,100%),1fr))}
    .gallery:has(.picture+.picture){grid-template-columns:repeat(auto-fill,minmax(min(500px,100%),1fr))}
    .shot{margin:0;background:var(--card);border:1px solid var(--line);border-radius:10px;overflow:hidden;
    border-top:4px solid var(--good)}.shot.worse{border-top-color:var(--bad)}
    .pictures{display:flex;gap:2px;cursor:zoom-in;text-decoration:none}.picture{flex:1;min-width:0}
    .picture img,.blank{width:100%;aspect-ratio:4/3;object-fit:contain;display:block}
    .maps .shot{border-top-width:1px;border-top-color:var(--line)}.maps .pictures{flex-wrap:wrap}
    .maps .picture{flex:1 1 100%}.maps .picture img{aspect-ratio:auto}.maps .led .picture:first-child img{width:120px}
    .images h3 small{display:block;font-weight:400}
    .legend-only{display:none}.shot:target .legend-only{display:block}
    .picture small{display:block;padding:3px 6px;font-size:11.5px;line-height:1.3;overflow-wrap:anywhere}
    .blank{display:grid!important;place-items:center;color:var(--soft);font-size:13px;background:var(--bg)}
    .shot figcaption{padding:8px 10px;margin:0}.shot .path{overflow-wrap:anywhere;opacity:.75;font-size:11.5px}
    .close{display:none;position:absolute;top:12px;right:18px;font-size:30px;line-height:1;text-decoration:none;padding:6px}
    @media screen{.shot:target{position:fixed;inset:0;z-index:9;overflow:auto;border-radius:0;padding:24px;margin:0}
    .shot:target .pictures{flex-wrap:wrap;gap:14px;cursor:default}.shot:target .picture{flex:1 1 300px}
    .shot:target img{object-fit:contain;aspect-ratio:auto;max-height:72vh;image-rendering:auto}
    .shot:target small{font-size:14px}.shot:target .close{display:block}}
    details{margin-top:18px}summary{cursor:pointer;font-weight:600}
    .source{border-top:1px solid var(--line);margin-top:14px}.source h3{margin:14px 0 6px}.fact h4,dialog h4{margin:12px 0 4px;font-size:15px}
    dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 16px;margin:6px 0 0;font-size:14px}
    dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
    dialog{border:1px solid var(--line);border-radius:14px;background:var(--card);color:var(--ink);
    max-width:min(720px,94vw);max-height:86vh;overflow:auto;padding:20px}
    dialog::backdrop{background:rgb(0 0 0/.45)}dialog form{float:right}dialog form button{font-size:22px}
    dialog h3{margin:14px 0 0}
    code{font-size:13px}main{padding-bottom:60px}
    @media (max-width:640px){header,nav,main{padding-left:14px;padding-right:14px}h1{font-size:25px}
    th,td{padding:7px 9px}tbody th{min-width:120px;max-width:150px}dl{grid-template-columns:1fr;gap:2px}
    dd{margin-bottom:8px}.tools label{display:flex;align-items:center;width:100%;justify-content:space-between}
    .tools input,.tools select{flex:1;max-width:230px}}
    @media print{.legend-only{display:block}:root,:root[data-theme]{--bg:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb;--good:#12663b;
    --bad:#9c2a21;--even:#555;--same:#24507a;--s0:#24507a;--s1:#a8540f;--s2:#1f7a58;--s3:#8c2b57;--s4:#54439c;
    --s5:#6f6214;--s6:#1d7890;--s7:#664835;color-scheme:light}
    body{font-size:11pt}header,nav,main{max-width:none;padding:0}nav,.scripted,.js .scripted,.js .tools,.link,.close,dialog{display:none!important}
    .scroll{overflow:visible}details::details-content{content-visibility:visible;height:auto;display:block}
    .card,.shot,tr,figure,.fact{break-inside:avoid}h2,h3,summary{break-after:avoid}section{break-inside:auto}
    tbody th{position:static}.grid{grid-template-columns:1fr 1fr}td,th{padding:4px 6px}table{font-size:9.5pt}
    .number small{white-space:normal}dl{font-size:9pt}}
    """
}
