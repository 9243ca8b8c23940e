/**
 * Which files of a repository judge the rest of it: tests, the configuration of what checks them, and the scripts that
 * a gate's commands run. By their names and places, as the usual tools find them; what a tool is told to read elsewhere
 * is found in its command line.
 */

const TEST_FOLDER = /(^|\/)(tests?|__tests__|__snapshots__|specs?|e2e)\//;
const TEST_NAME =
  /(^|\/)(test_[^/]+\.py|[^/]+_test\.(py|go|rb|exs|dart)|[^/]+_spec\.rb|tests?\.(py|[cm]?[jt]sx?)|[^/]+[._-](test|spec)\.[cm]?[jt]sx?|test-[^/]+\.[cm]?js|[^/]+Tests?\.(java|kt|cs|swift|php))$/;
const TEST_CODE = /\.([cm]?[jt]sx?|py|go|rs|rb|java|kt|cs|swift|php|exs?|dart|sh|bats)$/;

const CONFIGURATION = new RegExp(
  `(^|/)(${[
    // Runners of tests and what they load.
    String.raw`(vitest|vite|jest|ava|playwright|cypress|wdio|babel|webpack|rollup)\.(config|setup|workspace)\.[^/]+`,
    String.raw`karma\.conf\.[^/]+`,
    String.raw`\.(mocharc|babelrc|swcrc|nycrc|c8rc|taprc|jestrc)([^/]*)`,
    String.raw`(pytest|tox|mypy)\.ini|\.mypy\.ini|setup\.cfg|pyproject\.toml|\.coveragerc|conftest\.py|noxfile\.py`,
    String.raw`(sitecustomize|usercustomize)\.py|\.rspec|phpunit\.xml[^/]*`,
    // Linters and type checkers.
    String.raw`(eslint|prettier|stylelint|commitlint)\.config\.[^/]+`,
    String.raw`\.(eslintrc|prettierrc|stylelintrc)[^/]*|\.(eslint|prettier|stylelint)ignore|biome\.jsonc?`,
    String.raw`tsconfig[^/]*\.json|jsconfig\.json|\.?ruff\.toml|\.flake8|\.?pylintrc|\.?clippy\.toml`,
    String.raw`\.?rustfmt\.toml|\.golangci\.[^/]+|rust-toolchain[^/]*`,
    // What runs the others.
    String.raw`(GNUm|m|M)akefile|[^/]+\.mk|[Jj]ustfile|Taskfile\.ya?ml|(turbo|nx|lerna|project)\.json`,
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
  /^(?:.*\/)?(?:env|sh|bash|dash|zsh|source|\.|exec|node|nodejs|deno|bun|tsx|ts-node|python[\d.]*|ruby|perl|php)$/;
const READS_FILE =
  /^(?:-c|-f|-p|-r|--(?:config|configuration|config-file|project|file|makefile|require|import|loader|rcfile|rootdir|setup|init-file))$/;
/** Programs whose options of this kind say something else. */
const WORKS_ON_FILES =
  /^(?:test|\[|[ef]?grep|rm|cp|mv|ls|cat|cut|sort|uniq|head|tail|wc|cmp|diff|mkdir|touch|tar|sed|find|chmod|git|date)$/;
const SEPARATOR = /^(?:&&|\|\||;|\||&|\(|\)|\{|\}|then|do|else|!|if|while)$/;

/**
 * Paths that a shell line runs as programs, or hands to one as its configuration. Not those that it only works on:
 * these are what is judged.
 */
export const pathsRunBy = (line: string): string[] => {
  const words = wordsOf(line);
  const paths = words.flatMap((word, index) => {
    const given = /^(--?[\w-]+)=(.+)$/.exec(word);
    if (given !== null) return READS_FILE.test(given[1] ?? '') ? [given[2] ?? ''] : [];
    const isPlain = !SEPARATOR.test(word) && !word.startsWith('-') && !ASSIGNMENT.test(word);
    return isPlain && isRun(words, index) ? [word] : [];
  });
  return paths.map((path) => path.replace(/^(?:\.\/)+/, '').replace(/^\$PWD\//, ''));
};

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

/** The first word after an interpreter that is no option. */
const isRunByInterpreter = (words: readonly string[], index: number): boolean => {
  for (let at = index - 1; at >= 0; at -= 1) {
    const word = words[at] ?? '';
    if (INTERPRETER.test(word)) return true;
    if (!word.startsWith('-') || SEPARATOR.test(word)) return false;
  }
  return false;
};

/** Words as a shell separates them, as far as that can be said without being one. */
export const wordsOf = (line: string): string[] =>
  line
    .replace(/(&&|\|\||[;|&(){}\n])/g, (sign) => ` ${sign === '\n' ? ';' : sign} `)
    .split(/[\s"'`]+/)
    .filter((word) => word !== '');
