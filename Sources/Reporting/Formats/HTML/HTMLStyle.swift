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
    nav{display:flex;gap:18px;flex-wrap:wrap;padding-top:6px;padding-bottom:6px;position:sticky;top:0;
    background:var(--bg);z-index:3;border-bottom:1px solid var(--line)}
    a{color:inherit}nav a{text-decoration:none;color:var(--soft);padding:6px 0}nav a:hover{color:var(--ink)}
    button{font:inherit;color:inherit;background:none;border:0;cursor:pointer}
    #theme{border:1px solid var(--line);border-radius:8px;width:40px;height:40px;font-size:18px}
    section{scroll-margin-top:52px}
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
    thead th{color:var(--soft);font-size:13px;cursor:pointer;white-space:nowrap;user-select:none}
    thead th[aria-sort=ascending]::after{content:" ↑"}thead th[aria-sort=descending]::after{content:" ↓"}
    tbody th{position:sticky;left:0;background:var(--card);font-weight:600;min-width:130px}
    tr.base>*{background:color-mix(in srgb,var(--line) 38%,var(--card))}
    .n{text-align:right}td.n>button{text-align:right;padding:0;display:inline-block}
    td button:hover b{text-decoration:underline;text-underline-offset:3px}
    td button small{display:block;white-space:nowrap}
    .published th{font-weight:500}.published em{color:var(--soft);font-size:13px}
    .notes{color:var(--soft);font-size:14px;padding-left:20px;margin:12px 0 0}
    .notes li{margin:3px 0;overflow-wrap:anywhere}
    .grid{display:grid;gap:14px;grid-template-columns:repeat(auto-fill,minmax(min(340px,100%),1fr));
    margin-top:20px;align-items:start}
    figcaption{margin-bottom:8px}figcaption small{display:block}
    svg{width:100%;height:auto;display:block}svg text{font-size:11.5px;fill:var(--ink)}
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
    .key{display:inline-block;width:10px;height:10px;border-radius:3px;background:var(--c);margin-right:7px}
    .legend{display:flex;gap:4px 14px;flex-wrap:wrap;margin:8px 0 0;font-size:13px;color:var(--soft)}
    .gallery{display:grid;gap:12px;grid-template-columns:repeat(auto-fill,minmax(136px,1fr))}
    .shot{margin:0;background:var(--card);border:1px solid var(--line);border-radius:10px;overflow:hidden;
    border-top:4px solid var(--good)}.shot.worse{border-top-color:var(--bad)}
    .shot img,.shot .blank{width:100%;aspect-ratio:1;object-fit:cover;display:block}
    .blank{display:grid!important;place-items:center;color:var(--soft);font-size:13px;background:var(--bg)}
    .shot figcaption{padding:8px 10px;margin:0}.shot .path{overflow-wrap:anywhere;opacity:.75;font-size:11.5px}
    details{margin-top:18px}summary{cursor:pointer;font-weight:600}
    dialog{border:1px solid var(--line);border-radius:14px;background:var(--card);color:var(--ink);
    max-width:min(720px,94vw);max-height:86vh;overflow:auto;padding:20px}
    dialog::backdrop{background:rgb(0 0 0/.45)}dialog form{float:right}dialog form button{font-size:22px}
    dialog dl{display:grid;grid-template-columns:max-content 1fr;gap:6px 16px;margin:12px 0 0;font-size:14px}
    dialog dt{color:var(--soft)}dialog dd{margin:0;overflow-wrap:anywhere}dialog h3{margin:0}
    code{font-size:13px}main{padding-bottom:60px}
    @media (max-width:640px){header,nav,main{padding-left:14px;padding-right:14px}h1{font-size:25px}
    th,td{padding:7px 9px}tbody th{min-width:104px;max-width:132px}dialog dl{grid-template-columns:1fr;gap:2px}
    dialog dd{margin-bottom:8px}.gallery{grid-template-columns:repeat(2,1fr)}}
    """
}
