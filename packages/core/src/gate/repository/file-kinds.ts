/** What a file is, as far as its name and place tell, for the question whether it could judge. */
import { isConfiguration, isScriptPlace, isTestFile } from './judge-paths.ts';
import { folderOf, nameOf } from './path-index.ts';

/** What people read or see, and no tool reads its settings from. */
const DOCUMENT =
  /\.(?:md|mdx|markdown|rst|adoc|org|tex|pdf|docx?|pptx?|png|jpe?g|gif|svg|webp|avif|ico|icns|bmp|woff2?|ttf|otf|eot|mp[34]|wav|ogg|webm|mov)$|(?:^|\/)(?:README|LICEN[CS]E|COPYING|NOTICE|CHANGELOG|CHANGES|HISTORY|AUTHORS|CONTRIBUTORS|CONTRIBUTING|MAINTAINERS|CODEOWNERS|SECURITY|INSTALL)(?:[.-][\w.-]*)?$|(?:^|\/)docs?\/.*\.txt$/i;
const SOURCE =
  /\.(?:[cm]?[jt]sx?|vue|svelte|astro|html?|css|s[ac]ss|less|styl|graphqls?|gql|proto|sql|prisma|py|pyi|ipynb|go|rs|rb|erb|java|kts?|cs|fs|vb|razor|cshtml|swift|php|twig|exs?|heex|erl|dart|c|cc|cpp|cxx|h|hh|hpp|hxx|mm?|hs|clj[cs]?|scala|sc|groovy|ml|mli|zig|nim|r|jl|lua|pl|pm|cr|d|sol|asm|s|vert|frag|glsl|wgsl|tf|hcl)$/i;
/** What runs or describes the product where it is deployed, and what editors and code hosts read. */
const HARMLESS = new RegExp(
  `(?:^|/)(?:${[
    String.raw`(?:Docker|Container|Proc)file[^/]*|\.dockerignore|(?:docker-)?compose[^/]*\.ya?ml|\.env\.(?:example|sample|template|dist)|\.keep|\.gitkeep`,
    String.raw`\.gitignore|\.mailmap|\.nojekyll|CNAME|robots\.txt|\.gitlab-ci\.yml|azure-pipelines\.yml|Jenkinsfile|\.travis\.yml|renovate\.json5?|\.npmignore`,
    String.raw`go\.(?:work\.)?sum|[^/]+\.lock|Package\.resolved`,
    String.raw`(?:vercel|firebase|manifest|app)\.json|(?:netlify|fly|wrangler|railway)\.toml|(?:render|app|mkdocs)\.ya?ml|schema\.(?:json|rb)|\.all-contributorsrc`,
  ].join('|')})$|^\\.(?:github|gitlab|circleci|vscode|idea|devcontainer|zed)/`,
);
/** Nobody can read what it does, and a program would load it. */
const COMPILED =
  /(?:^|\/)__pycache__\/|\.(?:py[cod]|so(?:\.[\d.]+)?|dylib|dll|exe|class|jar|war|node|phar|beam|elc|luac)$/i;
const PACKED = /\.(?:wasm|whl|egg|gem|crate|nupkg|vsix|zip|tar|tgz|tar\.\w+|gz|xz|bz2|zst|7z)$/i;
const ASSETS = /(?:^|\/)(?:public|static|assets|resources|images|img|media|docs?)\//;
/** What tools remember of an earlier run, and what they were told to let pass. */
const REMEMBERED =
  /\.tsbuildinfo$|(?:^|\/)\.[^/]*cache(?:\/|$)|(?:^|[/._-])(?:suppressions?|baseline|allow-?list|ignore-?list|exclude[sd]?|known-?(?:issues|failures))\.[^/]+$|[._-]baseline$/i;

export const isDocument = (path: string): boolean => DOCUMENT.test(path);

export const isSource = (path: string): boolean => SOURCE.test(path);

export const isUnreadable = (path: string): boolean =>
  COMPILED.test(path) || (PACKED.test(path) && !ASSETS.test(path) && !isTestFile(path));

export const isRemembered = (path: string): boolean => REMEMBERED.test(path) && !isSource(path);

/** What tools call nothing that they look for: plain text, and small names without an ending. */
const PLAIN = /\.txt$|^[^.A-Z]+$/;
/** Names that a project's settings have in any language: `x.config.js`, `.xrc.ts`. */
const SETTINGS = /^(?:\.[^/]+|[^/]+\.(?:config|conf|setup|preset|workspace|conventions)\.[^/.]+|[^/]+rc)$/;

/**
 * Whether a tool may find its settings in a file although nobody here knows the tool: it lies where tools look, at the
 * root of a project or in a hidden folder, and is neither source, nor something to read, nor known to be harmless.
 */
export const isWhereToolsLook = (path: string, isProjectRoot: (folder: string) => boolean): boolean => {
  if (DOCUMENT.test(path) || HARMLESS.test(path) || isTestFile(path) || isConfiguration(path)) return false;
  if (/(?:^|\/)\.[^/]+\//.test(path)) return true;
  const name = nameOf(path);
  if (isProjectRoot(folderOf(path))) return SETTINGS.test(name) || (!isSource(path) && !PLAIN.test(name));
  return isScriptPlace(path) && !isSource(path) && !/\.(?:ba|da|z)?sh$/.test(name);
};
