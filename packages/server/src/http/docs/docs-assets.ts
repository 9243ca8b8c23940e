/** Style and script of the reference page. Colours follow the system's scheme; the layout folds on a phone. */
export const STYLE = `
:root{color-scheme:light dark;--ink:light-dark(#1b1f24,#e6e8eb);--soft:light-dark(#57606a,#9aa4af);
--ground:light-dark(#fff,#14171b);--panel:light-dark(#f6f8fa,#1d2227);--line:light-dark(#d8dee4,#30363d);--mark:light-dark(#0b6bcb,#6cb6ff)}
*{box-sizing:border-box}
body{margin:0;font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--ground);overflow-wrap:anywhere}
header,main{max-width:60rem;margin:0 auto;padding:1rem}
h1 small,.summary{color:var(--soft);font-weight:400}
h2{border-bottom:1px solid var(--line);padding-bottom:.25rem;text-transform:capitalize}
h4{margin:.75rem 0 .25rem}
input{width:100%;font:inherit;padding:.5rem;border:1px solid var(--line);border-radius:.375rem;background:var(--panel);color:inherit}
nav{display:flex;flex-wrap:wrap;gap:.75rem;margin:.75rem 0}
a{color:var(--mark)}
details{border:1px solid var(--line);border-radius:.375rem;margin:.5rem 0;background:var(--panel);padding:.5rem .75rem}
summary{cursor:pointer}
:focus-visible{outline:2px solid var(--mark);outline-offset:2px}
.method{font:600 .75rem ui-monospace,monospace;border:1px solid currentColor;border-radius:.25rem;padding:0 .3rem}
.summary{display:block}
code,pre{font-family:ui-monospace,monospace;font-size:.875rem}
pre{overflow:auto;max-height:24rem;padding:.5rem;background:var(--ground);border:1px solid var(--line);border-radius:.375rem}
`;

export const SCRIPT = `
const search = document.getElementById('search');
const entries = [...document.querySelectorAll('details')].map((node) => [node, node.textContent.toLowerCase()]);
search.addEventListener('input', () => {
  const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
  for (const [node, text] of entries) node.hidden = !words.every((word) => text.includes(word));
  for (const section of document.querySelectorAll('section')) {
    section.hidden = !section.querySelector('details:not([hidden])');
  }
  document.getElementById('nothing').hidden = entries.some(([node]) => !node.hidden);
});
const open = () => {
  const node = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (node && node.tagName === 'DETAILS') node.open = true;
};
addEventListener('hashchange', open);
open();
`;
