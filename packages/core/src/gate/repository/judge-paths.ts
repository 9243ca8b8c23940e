/**
 * Which files of a repository judge the rest of it: tests, the configuration of the tools that check it, and
 * the scripts that a gate's commands run. Recognized by name and path, as the usual tools find them; what a
 * tool is told to read elsewhere is found in its command line.
 */
import { folderOf, nameOf } from './path-index.ts';
import { isTool } from './tools.ts';

const TEST_FOLDER = /(^|\/)(tests?|testdata|__tests__|__snapshots__|specs?|e2e|Tests)\//;
/** Data that tests read or compare with, not tests themselves. */
const TEST_DATA = /(^|\/)(__fixtures__|fixtures|goldens?|cassettes|(?:[^/]+-)?snapshots)\//;
const CODE =
  '(?:[cm]?[jt]sx?|py|go|rs|rb|java|kts?|cs|fs|vb|swift|php|exs?|dart|sh|bats|c|cc|cpp|cxx|mm?|hs|clj[cs]?|scala|sc|groovy|ml|zig|nim|erl|R|jl|lua|pl|t|cr|d|tcl|feature|robot|hurl)';
const TEST_NAME = new RegExp(
  `(^|/)(${[
    String.raw`test[^/]*\.py|[^/]+[._-](?:test|spec)\.${CODE}|tests?\.${CODE}|test[_-][^/]+\.(?!py)${CODE}`,
    String.raw`[^/]+(?:Tests?|Spec|TestCase|IT)\.(?:java|kts?|cs|fs|vb|swift|php|scala|groovy|cpp|cc|mm?|hs)`,
    String.raw`[^/]+\.(?:bats|t|feature|robot|hurl)`,
  ].join('|')})$`,
);
const CODE_FILE = new RegExp(`\\.${CODE}$`);

const CONFIGURATION = new RegExp(
  `(^|/)(${[
    // Runners of tests and what they load.
    String.raw`(vitest|vite|jest|ava|playwright(-ct)?|cypress|babel|webpack|rollup|web-test-runner)\.(config|setup|workspace|preset)\.[^/]+`,
    String.raw`(karma|wdio|nightwatch|codecept|protractor)\.conf\.[^/]+|cypress\.json|testem\.[^/]+|\.?cucumber\.(js|json|ya?ml)`,
    String.raw`\.(mocharc|babelrc|swcrc|nycrc|c8rc|taprc|jestrc)([^/]*)`,
    String.raw`\.?pytest\.(ini|toml)|setupTests\.[^/]+|jasmine\.(json|m?js)|mocha\.opts|nextest\.toml`,
    String.raw`(tox|mypy)\.ini|\.mypy\.ini|\.coveragerc|conftest\.py|noxfile\.py|pyrightconfig\.json`,
    String.raw`(sitecustomize|usercustomize)\.py|[^/]+\.pth|\.rspec(-local)?|phpunit(\.dist)?\.xml[^/]*|\.proverc|\.busted`,
    // Linters and type checkers.
    String.raw`(eslint|prettier|stylelint|commitlint)\.config\.[^/]+`,
    String.raw`\.(eslintrc|prettierrc|stylelintrc)[^/]*|\.(eslint|prettier|stylelint)ignore|biome\.jsonc?`,
    String.raw`tsconfig[^/]*\.json|jsconfig\.json|\.?ruff\.toml|\.flake8|\.?pylintrc|\.?clippy\.toml`,
    String.raw`\.?rustfmt\.toml|\.golangci\.[^/]+|rust-toolchain[^/]*|\.tool-versions|\.(nvmrc|sdkmanrc|((python|node|ruby|java|php|go)-version))`,
    String.raw`\.(oxlintrc|jshintrc|markdownlint|yamllint|shellcheckrc|rubocop|swiftlint|phpstan)[^/]*|phpstan\.neon[^/]*`,
    String.raw`\.(editorconfig|globalconfig)|psalm\.xml|\.php-cs-fixer[^/]*|\.credo\.exs|\.clang-(tidy|format)|detekt\.ya?ml|\.flowconfig|\.semgrep[^/]*|\.pyre_configuration|checkstyle\.xml`,
    String.raw`(tslint|knip|dprint|commitlint)\.jsonc?|deny\.toml|\.pre-commit-config\.yaml|\.?lefthook\.ya?ml`,
    // What runs the others.
    String.raw`(GNUm|m|M)akefile|[^/]+\.mk|\.?[Jj][Uu][Ss][Tt][Ff][Ii][Ll][Ee]|[Rr]akefile(\.rb)?|[^/]+\.rake|[Tt]askfile(\.dist)?\.ya?ml`,
    String.raw`\.?mise(\.[^/]+)?\.toml|(turbo|nx|lerna|project|workspace|angular|rush)\.json|magefile\.go|moon\.ya?ml|pants\.toml|Snakefile`,
    String.raw`build\.(sbt|sc|mill|xml|zig)|project\.clj|(deps|bb)\.edn|rebar\.config|[^/]+\.cabal|meson\.build|dune(-project)?|SConstruct|wscript`,
    String.raw`\.bazel(rc|version)|BUILD(\.bazel)?|WORKSPACE(\.bazel)?|MODULE\.bazel|[^/]+\.(bzl|cmake)|global\.json|[^/]+\.(runsettings|sln|slnx)`,
    String.raw`Directory\.[^/]+\.(props|targets)|[Nn]u[Gg]et\.[Cc]onfig|xunit\.runner\.json|gradle\.properties|[^/]+\.gradle(\.kts)?`,
    String.raw`settings\.gradle(\.kts)?|gradle-wrapper\.(jar|properties)|CMakeLists\.txt|CMake(User)?Presets\.json|[Gg]ulpfile\.[^/]+|Gruntfile\.[^/]+`,
    String.raw`deno\.jsonc?|build\.rs|binding\.gyp`,
    String.raw`\.npmrc|\.yarnrc[^/]*|pnpm-workspace\.yaml|\.?pnpmfile\.[cm]?js|bunfig\.toml|go\.work|\.gitattributes|pip\.conf`,
    String.raw`\.env(\.(test|local|ci)[^/]*)?|\.envrc|\.gitmodules|\.pnp\.(c?js|loader\.mjs)`,
    // What is found in folders of their own.
    String.raw`\.cargo/config(\.toml)?|(\.config/)?\.?mise/[^/]+\.toml|vendor/autoload\.php`,
  ].join(
    '|',
  )})$|(^|/)(patches|\\.yarn|\\.mvn|\\.bundle|\\.moon|buildSrc|__mocks__|[^/]+\\.(egg|dist)-info|vendor/(composer|bin))/`,
);

/** Stand-ins that are found before a tool: committed dependencies, and modules named like one. */
const IN_PLACE_OF_A_TOOL =
  /(^|\/)(node_modules|\.venv|venv|site-packages)(\/|$)|^(?:src\/)?(_?pytest(?:_\w+)?|unittest|doctest|mypy|ruff|coverage|tox|black|flake8|pylint|isort|bandit|hypothesis|xdist)(\.py$|\/)|^(?:src\/)?(pluggy|iniconfig|packaging|exceptiongroup|tomli|colorama|pygments|click|attrs?|execnet|sortedcontainers|pyflakes|pycodestyle|mccabe|astroid|dill|tomlkit|pathspec|platformdirs|typing_extensions|mypy_extensions)(\.py$|\/__init__\.py$)/;
/** Found before the standard library's module by any Python started at the root. */
const STANDARD_MODULE = new RegExp(
  `^(?:${[
    'abc|aifc|annotationlib|argparse|array|ast|asynchat|asyncio|asyncore|atexit|audioop|base64|bdb|binascii|bisect|builtins',
    'bz2|cProfile|calendar|cgi|cgitb|chunk|cmath|cmd|code|codecs|codeop|collections|colorsys|compileall|compression',
    'concurrent|configparser|contextlib|contextvars|copy|copyreg|crypt|csv|ctypes|curses|dataclasses|datetime|dbm|decimal',
    'difflib|dis|distutils|doctest|email|encodings|ensurepip|enum|errno|faulthandler|fcntl|filecmp|fileinput|fnmatch',
    'fractions|ftplib|functools|genericpath|getopt|getpass|gettext|glob|graphlib|grp|gzip|hashlib|heapq|hmac|html|http',
    'imaplib|imghdr|imp|importlib|inspect|io|ipaddress|itertools|json|keyword|lib2to3|linecache|locale|logging|lzma|mailbox',
    'mailcap|marshal|mimetypes|mmap|modulefinder|multiprocessing|netrc|nis|nntplib|ntpath|nturl2path|numbers|opcode',
    'operator|optparse|os|ossaudiodev|pathlib|pdb|pickle|pickletools|pipes|pkgutil|platform|plistlib|poplib|posix|posixpath',
    'pprint|profile|pstats|pty|pwd|py_compile|pyclbr|pydoc|pydoc_data|pyexpat|queue|quopri|random|re|readline|reprlib',
    'resource|rlcompleter|runpy|sched|secrets|select|selectors|shelve|shlex|shutil|signal|site|smtpd|smtplib|sndhdr|socket',
    'socketserver|spwd|sqlite3|sre_compile|sre_constants|sre_parse|ssl|stat|statistics|string|stringprep|struct|subprocess',
    'sunau|symtable|sysconfig|syslog|tabnanny|tarfile|telnetlib|tempfile|termios|textwrap|threading|timeit|tkinter|token',
    'tokenize|tomllib|trace|traceback|tracemalloc|tty|types|typing|unicodedata|unittest|urllib|uu|uuid|venv|warnings|wave',
    'weakref|webbrowser|wsgiref|xdrlib|xml|xmlrpc|zipapp|zipfile|zipimport|zlib|zoneinfo',
  ].join('|')})(?:\\.py|/__init__\\.py)$`,
);
const VENDORED = /(^|\/)vendor\//;

export const isTestFile = (path: string): boolean =>
  TEST_NAME.test(path) || TEST_FOLDER.test(path) || TEST_DATA.test(path);

export const isCode = (path: string): boolean => CODE_FILE.test(path);

/** Whether it contains tests, rather than just data they read. */
export const isTestCode = (path: string): boolean =>
  TEST_NAME.test(path) || (TEST_FOLDER.test(path) && isCode(path));

export const isConfiguration = (path: string): boolean => CONFIGURATION.test(path) || isToolInPlace(path);

export const isToolInPlace = (path: string): boolean =>
  IN_PLACE_OF_A_TOOL.test(path) ||
  STANDARD_MODULE.test(path) ||
  (VENDORED.test(path) && isTool(path.replace(/^.*?vendor\//, '')));

/** The folder whose files a piece of configuration applies to. */
export const placeOf = (path: string): string =>
  folderOf(path).replace(
    /(^|\/)(?:\.[^/]+|mise|patches|buildSrc|gradle|__mocks__|vendor|[^/]+\.(?:egg|dist)-info)\/.*$/s,
    '$1',
  );

/** Applies to all tests, wherever it is. */
export const isForAll = (path: string): boolean => nameOf(path) === 'conftest.py';

/**
 * Whether a file is named like the settings of a program that is otherwise unknown here. `words` are the
 * words of the lines that run.
 */
export const isNamedAfter = (path: string, words: ReadonlySet<string>): boolean => {
  const [, hidden, named] =
    /^(?:\.([\w-]+?)(?:rc|ignore)?(?:\.(?:jsonc?|ya?ml|toml|ini|[cm]?[jt]s))?|([\w-]+)(?:\.(?:config|conf|setup)\.\w+|\.(?:ya?ml|toml|ini)))$/.exec(
      nameOf(path),
    ) ?? [];
  const program = hidden ?? named;
  return program !== undefined && words.has(program);
};

const SCRIPTS = /(^|\/)(scripts?|tools?|ci|\.ci|bin|build|hack|dev|checks?|tasks|gate|\.github)\//;
const PRODUCT =
  /(^|\/)(src|libs?|apps?|sources?|pkg|internal|cmd|include|public|pages|components|packages|crates|modules|server|client|api|web|core|dist)\//;
const JUDGE_NAME = /(lint|check|rules?|config|gate|verif|valid)/i;

/** Folders of what runs, builds and checks the product. */
export const isScriptPlace = (path: string): boolean => SCRIPTS.test(path);

/**
 * Whether a file that a judge loads is part of the judge rather than of the product, by its path or because
 * it is in the judge's folder. Product code runs in each of its tests anyway.
 */
export const isPartOfJudge = (judge: string, path: string): boolean => {
  if (isTestFile(path)) return false;
  if (isScriptPlace(path) || JUDGE_NAME.test(nameOf(path))) return true;
  const folder = folderOf(judge);
  return folder !== '' && path.startsWith(folder) && !PRODUCT.test(judge);
};

export const isProductPlace = (path: string): boolean => PRODUCT.test(path) && !SCRIPTS.test(path);

const UNSEEN =
  /(^|\/)(?:_(?!_)[^/]*|\.[^/]*|testdata|vendor|node_modules|fixtures?|attic|old|archive|disabled|dist|build|out|coverage|cypress|venv|target)\//;
/** Whether a test moved here is no longer run, as far as names tell. */
export const isOutOfSight = (path: string): boolean => UNSEEN.test(path);

/**
 * Whether a runner whose patterns are unknown finds a test at another path as well: the form of the name is
 * the same, and it is in the same folder, or below it if the name alone marks it as a test.
 */
export const isFoundAlike = (path: string, other: string): boolean => {
  const form = testForm(path);
  if (form !== testForm(other)) return false;
  const [folder, place] = [folderOf(path), folderOf(other)];
  return place === folder || (/[a-z]/i.test(form.replace(/\.[^.]*$/, '')) && place.startsWith(folder));
};

const TEST_WORD = /^(?:[Tt]ests?|[Ss]pecs?|IT|e2e|bench)$/;
const WORDS = /[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])|[^A-Za-z0-9]+/g;

/** `*.test.js` for `sum.test.js`: the words that mark the name as a test's, and the extension. */
const testForm = (path: string): string => {
  const name = nameOf(path);
  const end = name.lastIndexOf('.');
  // In Go, the preceding word may name the system that the test is compiled for.
  const [stem, ending] = name.endsWith('_test.go') ? goForm(name) : [name.slice(0, end), name.slice(end)];
  const words = stem.match(WORDS) ?? [];
  const form = words
    .map((word) => (/^[A-Za-z0-9]/.test(word) && !TEST_WORD.test(word) ? '*' : word))
    .join('');
  return `${form.replace(/\*(?:[-_]?\*)+/g, '*')}${ending}`;
};

const goForm = (name: string): [string, string] => {
  const stem = name.slice(0, -'_test.go'.length);
  const last = stem.lastIndexOf('_');
  return last < 0 ? [stem, '_test.go'] : [stem.slice(0, last), `${stem.slice(last)}_test.go`];
};
