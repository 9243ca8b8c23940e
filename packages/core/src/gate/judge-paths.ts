/**
 * Which files of a repository judge the rest of it: tests, the configuration of what checks them, and the scripts that
 * a gate's commands run. By their names and places, as the usual tools find them; what a tool is told to read elsewhere
 * is found in its command line.
 */
import { folderOf, nameOf } from './place.ts';
import { isTool } from './tools.ts';

const TEST_FOLDER = /(^|\/)(tests?|testdata|__tests__|__snapshots__|specs?|e2e)\//;
const TEST_NAME =
  /(^|\/)(test[^/]*\.py|[^/]+_test\.(py|go|rb|exs|dart)|[^/]+_spec\.rb|tests?\.[cm]?[jt]sx?|[^/]+[._-](test|spec)\.[cm]?[jt]sx?|test-[^/]+\.[cm]?js|[^/]+Tests?\.(java|kt|cs|swift|php))$/;
const TEST_CODE = /\.([cm]?[jt]sx?|py|go|rs|rb|java|kt|cs|swift|php|exs?|dart|sh|bats)$/;

const CONFIGURATION = new RegExp(
  `(^|/)(${[
    // Runners of tests and what they load.
    String.raw`(vitest|vite|jest|ava|playwright|cypress|wdio|babel|webpack|rollup)\.(config|setup|workspace)\.[^/]+`,
    String.raw`karma\.conf\.[^/]+`,
    String.raw`\.(mocharc|babelrc|swcrc|nycrc|c8rc|taprc|jestrc)([^/]*)`,
    String.raw`\.?pytest\.(ini|toml)|setupTests\.[^/]+|jasmine\.(json|m?js)|mocha\.opts|nextest\.toml`,
    String.raw`(tox|mypy)\.ini|\.mypy\.ini|\.coveragerc|conftest\.py|noxfile\.py|pyrightconfig\.json`,
    String.raw`(sitecustomize|usercustomize)\.py|\.rspec|phpunit\.xml[^/]*`,
    // Linters and type checkers.
    String.raw`(eslint|prettier|stylelint|commitlint)\.config\.[^/]+`,
    String.raw`\.(eslintrc|prettierrc|stylelintrc)[^/]*|\.(eslint|prettier|stylelint)ignore|biome\.jsonc?`,
    String.raw`tsconfig[^/]*\.json|jsconfig\.json|\.?ruff\.toml|\.flake8|\.?pylintrc|\.?clippy\.toml`,
    String.raw`\.?rustfmt\.toml|\.golangci\.[^/]+|rust-toolchain[^/]*|\.(python-version|tool-versions)`,
    String.raw`\.(oxlintrc|jshintrc|markdownlint|yamllint|shellcheckrc|rubocop|swiftlint|phpstan)[^/]*|phpstan\.neon[^/]*`,
    String.raw`(tslint|knip|dprint|commitlint)\.jsonc?|deny\.toml|\.pre-commit-config\.yaml|\.?lefthook\.ya?ml`,
    // What runs the others.
    String.raw`(GNUm|m|M)akefile|[^/]+\.mk|[Jj]ustfile|Rakefile|Taskfile\.ya?ml|\.?mise\.toml|(turbo|nx|lerna|project)\.json`,
    String.raw`settings\.gradle(\.kts)?|gradle-wrapper\.(jar|properties)|CMakeLists\.txt|[Gg]ulpfile\.[^/]+|Gruntfile\.[^/]+`,
    String.raw`deno\.jsonc?|build\.rs|binding\.gyp`,
    String.raw`\.npmrc|\.yarnrc[^/]*|pnpm-workspace\.yaml|\.?pnpmfile\.[cm]?js|bunfig\.toml|go\.work|\.gitattributes|pip\.conf`,
  ].join('|')})$|(^|/)\\.cargo/config(\\.toml)?$|(^|/)(patches|\\.yarn)/`,
);

/** What stands in for a tool where one is looked for first: committed dependencies, modules with a tool's name. */
const IN_PLACE_OF_A_TOOL =
  /(^|\/)(node_modules|\.venv|venv|site-packages)(\/|$)|^(?:src\/)?(_?pytest|pluggy|unittest|doctest|mypy|ruff|coverage|tox)(\.py$|\/)/;
/** Found before the standard library's own by any Python that is started at the root. */
const STANDARD_MODULE = new RegExp(
  `^(?:${[
    'abc|argparse|ast|asyncio|base64|bisect|builtins|code|codecs|collections|configparser|contextlib|contextvars|copy|copyreg',
    'csv|ctypes|dataclasses|datetime|decimal|difflib|dis|email|enum|errno|faulthandler|fnmatch|functools|gc|getpass|gettext',
    'glob|graphlib|hashlib|heapq|html|http|importlib|inspect|io|itertools|json|keyword|linecache|locale|logging|math',
    'multiprocessing|numbers|opcode|operator|optparse|os|pathlib|pdb|pickle|pkgutil|platform|posixpath|pprint|queue|random|re',
    'reprlib|runpy|select|selectors|shlex|shutil|signal|site|socket|stat|string|struct|subprocess|sys|sysconfig|tempfile',
    'textwrap|threading|time|timeit|token|tokenize|tomllib|trace|traceback|types|typing|urllib|uuid|warnings|weakref|zipfile',
    'zipimport|xml',
  ].join('|')})(?:\\.py|/__init__\\.py)$`,
);
const VENDORED = /(^|\/)vendor\//;

export const isTestFile = (path: string): boolean => TEST_NAME.test(path) || TEST_FOLDER.test(path);

/** One that holds tests, not only what they read. */
export const isTestCode = (path: string): boolean =>
  TEST_NAME.test(path) || (TEST_FOLDER.test(path) && TEST_CODE.test(path));

export const isConfiguration = (path: string): boolean => CONFIGURATION.test(path) || isToolInPlace(path);

export const isToolInPlace = (path: string): boolean =>
  IN_PLACE_OF_A_TOOL.test(path) ||
  STANDARD_MODULE.test(path) ||
  (VENDORED.test(path) && isTool(path.replace(/^.*?vendor\//, '')));

/** Where the files lie that a piece of configuration is for. */
export const placeOf = (path: string): string =>
  folderOf(path).replace(/(^|\/)(?:(?:\.(?:cargo|config|yarn)|patches)\/.*)$/s, '$1');

const SCRIPTS = /(^|\/)(scripts?|tools?|ci|\.ci|bin|build|hack|dev|checks?|tasks|gate|\.github)\//;
const PRODUCT =
  /(^|\/)(src|libs?|apps?|sources?|pkg|internal|cmd|include|public|pages|components|packages|crates|modules|server|client|api|web|core|dist)\//;
const JUDGE_NAME = /(lint|check|rules?|config|gate|verif|valid)/i;

/** Folders of what runs, builds and checks the product. */
export const isScriptPlace = (path: string): boolean => SCRIPTS.test(path);

/**
 * Whether what a judge reads its parts from is a part of it rather than of the product: by its place, or because it
 * lies with the judge. The product has its say in each of its tests anyway.
 */
export const isPartOfJudge = (judge: string, path: string): boolean => {
  if (isTestFile(path)) return false;
  if (isScriptPlace(path) || JUDGE_NAME.test(nameOf(path))) return true;
  const folder = folderOf(judge);
  return folder !== '' && path.startsWith(folder) && !PRODUCT.test(judge);
};

export const isProductPlace = (path: string): boolean => PRODUCT.test(path) && !SCRIPTS.test(path);

const UNSEEN =
  /(^|\/)(?:_(?!_)[^/]*|\.[^/]*|testdata|vendor|node_modules|fixtures?|attic|old|archive|disabled)\//;
/** Compiled on no machine but its own. */
const ELSEWHERE =
  /_(?:windows|darwin|freebsd|netbsd|openbsd|solaris|aix|android|ios|js|wasm|plan9|arm|arm64|386|riscv64|s390x)_test\.go$/;

/** A test that has gone there is run no more, as far as names tell. */
export const isOutOfSight = (path: string): boolean => UNSEEN.test(path) || ELSEWHERE.test(path);
