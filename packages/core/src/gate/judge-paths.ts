/**
 * Which files of a repository judge the rest of it: tests, the configuration of what checks them, and the scripts that
 * a gate's commands run. By their names and places, as the usual tools find them; what a tool is told to read elsewhere
 * is found in its command line.
 */

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
    String.raw`\.?pytest\.(ini|toml)|setupTests\.[^/]+`,
    String.raw`(tox|mypy)\.ini|\.mypy\.ini|setup\.cfg|pyproject\.toml|\.coveragerc|conftest\.py|noxfile\.py`,
    String.raw`(sitecustomize|usercustomize)\.py|\.rspec|phpunit\.xml[^/]*`,
    // Linters and type checkers.
    String.raw`(eslint|prettier|stylelint|commitlint)\.config\.[^/]+`,
    String.raw`\.(eslintrc|prettierrc|stylelintrc)[^/]*|\.(eslint|prettier|stylelint)ignore|biome\.jsonc?`,
    String.raw`tsconfig[^/]*\.json|jsconfig\.json|\.?ruff\.toml|\.flake8|\.?pylintrc|\.?clippy\.toml`,
    String.raw`\.?rustfmt\.toml|\.golangci\.[^/]+|rust-toolchain[^/]*`,
    // What runs the others.
    String.raw`(GNUm|m|M)akefile|[^/]+\.mk|[Jj]ustfile|Rakefile|Taskfile\.ya?ml|\.?mise\.toml|(turbo|nx|lerna|project)\.json`,
    String.raw`(build|settings)\.gradle(\.kts)?|gradle-wrapper\.(jar|properties)|pom\.xml|CMakeLists\.txt`,
    String.raw`deno\.jsonc?|composer\.json`,
    String.raw`\.npmrc|\.yarnrc[^/]*|pnpm-workspace\.yaml|\.pnpmfile\.cjs|bunfig\.toml|go\.work|\.gitattributes`,
  ].join('|')})$|(^|/)\\.cargo/config(\\.toml)?$`,
);

/** What stands in for a tool where one is looked for first: committed dependencies, modules with a tool's name. */
const IN_PLACE_OF_A_TOOL =
  /(^|\/)(node_modules|\.venv|venv|site-packages)\/|^(?:src\/)?(_?pytest|pluggy|unittest|doctest|mypy|ruff|coverage|tox)(\.py$|\/)/;

export const isTestFile = (path: string): boolean => TEST_NAME.test(path) || TEST_FOLDER.test(path);

/** One that holds tests, not only what they read. */
export const isTestCode = (path: string): boolean =>
  TEST_NAME.test(path) || (TEST_FOLDER.test(path) && TEST_CODE.test(path));

export const isConfiguration = (path: string): boolean => CONFIGURATION.test(path) || isToolInPlace(path);

export const isToolInPlace = (path: string): boolean => IN_PLACE_OF_A_TOOL.test(path);

const INTERPRETER =
  /^(?:.*\/)?(?:env|sh|bash|dash|zsh|source|\.|exec|node|nodejs|deno|bun|tsx|ts-node|python[\d.]*|ruby|perl|php|-?include|sinclude)$/;
/** What they run is the next word that is neither an option nor a number. */
const WRAPPER = /^(?:.*\/)?(?:timeout|nice|time|nohup|uv|poetry|pipenv|npx)$/;
const PASSED_OVER = /^(?:-.*|[\d.]+[smhd]?|run|exec)$/;
/** The next word names an option of the shell. */
const NAMES_OPTION = /^[-+][a-z]*o$/;
/** Their patterns are of tests, whatever these are called. */
const TEST_RUNNER = /^(?:.*\/)?(?:--test|mocha|ava|tap|bats)$/;
const READS_FILE =
  /^(?:-c|-f|-p|-r|--(?:config|configuration|config-file|project|file|makefile|require|import|loader|rcfile|rootdir|setup|init-file))$/;
/** Programs whose options of this kind say something else. */
const WORKS_ON_FILES =
  /^(?:test|\[|[ef]?grep|rm|cp|mv|ls|cat|cut|sort|uniq|head|tail|wc|cmp|diff|mkdir|touch|tar|sed|find|chmod|git|date)$/;
const SEPARATOR = /^(?:&&|\|\||;|\||&|\(|\)|\{|\}|then|do|else|!|if|while)$/;

/**
 * Paths that a shell line runs as programs, or hands to one as its configuration. Not those that it only works on:
 * these are what is judged. After `cd`, a path may be meant from either folder.
 */
export const pathsRunBy = (line: string): string[] => {
  const words = wordsOf(line);
  const paths = words.flatMap((word, index) => {
    const given = /^(--?[\w-]+)=(.+)$/.exec(word);
    if (given !== null) return READS_FILE.test(given[1] ?? '') ? [given[2] ?? ''] : [];
    if (words[index - 1] === '-m') return MODULE_ENDINGS.map((ending) => word.replaceAll('.', '/') + ending);
    return isPlain(word) && isRun(words, index) ? [word] : [];
  });
  const folders = words.flatMap((word, index) => (words[index - 1] === 'cd' ? [`${plainPath(word)}/`] : []));
  return paths.map(plainPath).flatMap((path) => [path, ...folders.map((folder) => `${folder}${path}`)]);
};

const MODULE_ENDINGS = ['.py', '/__main__.py'];

/** Patterns that a runner of tests is given, as one of paths; undefined when there are none. Node takes folders, too. */
export const testsRunBy = (line: string): RegExp | undefined => {
  const words = wordsOf(line);
  const runner = words.findIndex((word) => TEST_RUNNER.test(word));
  if (runner < 0) return undefined;
  const takesFolders = words[runner] === '--test';
  const places = words
    .slice(runner + 1)
    .filter((word) => isPlain(word) && (word.includes('*') || (takesFolders && word.includes('/'))));
  if (places.length === 0) return undefined;
  const pattern = places.map((place) =>
    plainPath(place)
      .replace(/\/$/, '')
      .replace(/[.+?^${}()|[\]\\]/g, String.raw`\$&`)
      .replace(/\*+/g, (stars) => (stars.length > 1 ? '.*' : '[^/]*')),
  );
  return new RegExp(`^(?:${pattern.join('|')})(?:/|$)`);
};

/** Folders that a line goes into, or tells a program to work in. */
export const foldersIn = (line: string): string[] =>
  wordsOf(line)
    .map((word) => plainPath(word.replace(/^--?[\w-]+=/, '')).replace(/\/$/, ''))
    .filter((word) => word !== '' && word !== '.');

const isPlain = (word: string): boolean =>
  !SEPARATOR.test(word) && !word.startsWith('-') && !ASSIGNMENT.test(word);
/** Also of what follows `$(dirname "$0")`. */
const plainPath = (path: string): string => path.replace(/^(?:\.?\/)+/, '').replace(/^\$PWD\//, '');

const ASSIGNMENT = /^[A-Za-z_]\w*=/;

const isRun = (words: readonly string[], index: number): boolean => {
  const before = words[index - 1];
  if (before === undefined || SEPARATOR.test(before) || ASSIGNMENT.test(before)) return true;
  const isRead = READS_FILE.test(before) && !WORKS_ON_FILES.test(programOf(words, index));
  return isRead || isRunByInterpreter(words, index);
};

const programOf = (words: readonly string[], index: number): string => {
  const start = words.slice(0, index).findLastIndex((word) => SEPARATOR.test(word)) + 1;
  return words.slice(start).find((word) => !ASSIGNMENT.test(word)) ?? '';
};

/** The first word after an interpreter, or after what runs other programs, that is none of their options. */
const isRunByInterpreter = (words: readonly string[], index: number): boolean => {
  for (let at = index - 1; at >= 0; at -= 1) {
    const word = words[at] ?? '';
    if (INTERPRETER.test(word) || isWrapped(words.slice(0, index), at)) return true;
    const isOption = word.startsWith('-') || NAMES_OPTION.test(words[at - 1] ?? '');
    if (!isOption && !PASSED_OVER.test(word)) return false;
  }
  return false;
};

const isWrapped = (before: readonly string[], at: number): boolean =>
  WRAPPER.test(before[at] ?? '') && before.slice(at + 1).every((word) => PASSED_OVER.test(word));

/** Words as a shell separates them, as far as that can be said without being one. */
export const wordsOf = (line: string): string[] =>
  line
    .replace(/(&&|\|\||[;|&(){}\n])/g, (sign) => ` ${sign === '\n' ? ';' : sign} `)
    .split(/[\s"'`]+/)
    .filter((word) => word !== '');
