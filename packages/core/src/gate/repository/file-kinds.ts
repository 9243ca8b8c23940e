/** Classifies files by name and path, to tell whether they could judge. */
import { isConfiguration, isScriptPlace, isTestFile } from './judge-paths.ts';
import { folderOf, nameOf } from './path-index.ts';

/** Files for people to read or view, from which no tool reads settings. */
const DOCUMENT =
  /\.(?:md|mdx|markdown|rst|adoc|org|tex|pdf|docx?|pptx?|png|jpe?g|gif|svg|webp|avif|ico|icns|bmp|woff2?|ttf|otf|eot|mp[34]|wav|ogg|webm|mov)$|(?:^|\/)(?:README|LICEN[CS]E|COPYING|NOTICE|CHANGELOG|CHANGES|HISTORY|AUTHORS|CONTRIBUTORS|CONTRIBUTING|MAINTAINERS|CODEOWNERS|SECURITY|INSTALL)(?:[.-][\w.-]*)?$|(?:^|\/)docs?\/.*\.txt$/i;
const SOURCE =
  /\.(?:[cm]?[jt]sx?|vue|svelte|astro|html?|css|s[ac]ss|less|styl|graphqls?|gql|proto|sql|prisma|py|pyi|ipynb|go|rs|rb|erb|java|kts?|cs|fs|vb|razor|cshtml|swift|php|twig|exs?|heex|erl|dart|c|cc|cpp|cxx|h|hh|hpp|hxx|mm?|hs|clj[cs]?|scala|sc|groovy|ml|mli|zig|nim|r|jl|lua|pl|pm|cr|d|sol|asm|s|vert|frag|glsl|wgsl|tf|hcl)$/i;
/** Files that run or describe the deployed product, and files for editors and code hosts. */
const HARMLESS = new RegExp(
  `(?:^|/)(?:${[
    String.raw`(?:Docker|Container|Proc)file[^/]*|\.dockerignore|(?:docker-)?compose[^/]*\.ya?ml|\.env\.(?:example|sample|template|dist)|\.keep|\.gitkeep`,
    String.raw`\.gitignore|\.mailmap|\.nojekyll|CNAME|robots\.txt|\.gitlab-ci\.yml|azure-pipelines\.yml|Jenkinsfile|\.travis\.yml|renovate\.json5?|\.npmignore`,
    String.raw`go\.(?:work\.)?sum|[^/]+\.lock|Package\.resolved`,
    String.raw`(?:vercel|firebase|manifest|app)\.json|(?:netlify|fly|wrangler|railway)\.toml|(?:render|app|mkdocs)\.ya?ml|schema\.(?:json|rb)|\.all-contributorsrc`,
  ].join('|')})$|^\\.(?:github|gitlab|circleci|vscode|idea|devcontainer|zed)/`,
);
/** Unreadable, but loadable by a program. */
const COMPILED =
  /(?:^|\/)__pycache__\/|\.(?:py[cod]|so(?:\.[\d.]+)?|dylib|dll|exe|class|jar|war|node|phar|beam|elc|luac)$/i;
const PACKED = /\.(?:wasm|whl|egg|gem|crate|nupkg|vsix|zip|tar|tgz|tar\.\w+|gz|xz|bz2|zst|7z)$/i;
/** Archives in the form of packages, which installers take from any folder. */
const PACKAGE = /\.(?:tgz|whl|egg|gem|crate|nupkg)$/i;
const ASSETS = /(?:^|\/)(?:public|static|assets|resources|images|img|media|docs?)\//;
/** Caches and suppression lists of tools. */
const REMEMBERED =
  /\.tsbuildinfo$|(?:^|\/)\.[^/]*cache(?:\/|$)|(?:^|[/._-])(?:suppressions?|baseline|allow-?list|ignore-?list|exclude[sd]?|known-?(?:issues|failures))\.[^/]+$|[._-]baseline$/i;

export const isDocument = (path: string): boolean => DOCUMENT.test(path);

export const isSource = (path: string): boolean => SOURCE.test(path);

export const isUnreadable = (path: string): boolean =>
  COMPILED.test(path) ||
  (PACKED.test(path) && !isTestFile(path) && (PACKAGE.test(path) || !ASSETS.test(path)));

export const isRemembered = (path: string): boolean => REMEMBERED.test(path) && !isSource(path);

/** Names that no tool uses for files it looks up: plain text, and lower-case names without an extension. */
const PLAIN = /\.txt$|^[^.A-Z]+$/;
/** Names of settings files in any language: `x.config.js`, `.xrc.ts`. */
const SETTINGS = /^(?:\.[^/]+|[^/]+\.(?:config|conf|setup|preset|workspace|conventions)\.[^/.]+|[^/]+rc)$/;

/**
 * Whether an unknown tool may find its settings in the file: it is at the root of a project, in a hidden
 * folder or among scripts, and it is neither source code, a document nor known to be harmless.
 */
export const isWhereToolsLook = (path: string, isProjectRoot: (folder: string) => boolean): boolean => {
  if (DOCUMENT.test(path) || HARMLESS.test(path) || isTestFile(path) || isConfiguration(path)) return false;
  if (/(?:^|\/)\.[^/]+\//.test(path)) return true;
  const name = nameOf(path);
  if (isProjectRoot(folderOf(path))) return SETTINGS.test(name) || (!isSource(path) && !PLAIN.test(name));
  return isScriptPlace(path) && !isSource(path) && !/\.(?:ba|da|z)?sh$/.test(name);
};
