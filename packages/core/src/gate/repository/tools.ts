/**
 * Packages that judge others: test runners, assertion libraries, linters, type checkers, and whatever runs
 * them. Changing one changes the judge; other packages are part of what is judged.
 */
const SCOPES =
  /^@(?:vitest|jest|playwright|cypress|wdio|testing-library|biomejs|eslint|eslint-community|typescript-eslint|babel|swc|stryker-mutator|japa|ava|tapjs|sinonjs)\//;
const FAMILIES = new RegExp(
  `^(?:${[
    'vitest|vite-node|jest|mocha|ava|tap|tape|uvu|jasmine|karma|chai|expect|should|sinon|nyc|c8|cypress|playwright|webdriverio',
    'eslint|prettier|stylelint|standard|xo|oxlint|tslint|typescript|tsx|turbo|nx|lerna|wireit|concurrently|commitlint',
    'pytest|pluggy|tox|nox|hypothesis|coverage|mypy|pyright|ruff|flake8|pylint|black|isort|bandit|nose2?|unittest2|invoke',
    'testify|ginkgo|gomega|golangci-lint|proptest|rstest|quickcheck|mockall|nextest|trybuild|insta',
    'junit|testng|mockito|mockk|assertj|kotest|spock|surefire|phpunit|pest|phpstan|psalm|rspec|minitest|rubocop|rake',
  ].join('|')})(?:[-_.].*)?$`,
);
const NAMES =
  /^(?:ts-node|ts-jest|babel-jest|npm-run-all2?|run-[ps]|cross-env|patch-package|maven-failsafe-plugin)$/;

export const isTool = (name: string): boolean =>
  SCOPES.test(name) ||
  name
    .toLowerCase()
    .split(/[/:]/)
    .some((part) => FAMILIES.test(part) || NAMES.test(part));

/**
 * What a product is built with and served by: its version is part of the product, even though its build is a
 * check.
 */
export const isFramework = (name: string): boolean =>
  /^(?:next|nuxt|nuxi|astro|vite|gatsby|remix|react-scripts|svelte-kit|parcel|rollup|webpack|esbuild|tsup|docusaurus|expo|electron|hugo)$/.test(
    name,
  );

/**
 * Programs of the system that gates and installers start, which a package's program of this name would replace
 * in the path of its scripts.
 */
export const isSystemProgram = (name: string): boolean => SYSTEM.test(name);
const SYSTEM = new RegExp(
  `^(?:${[
    'node|nodejs|npm|npx|yarn|yarnpkg|pnpm|pnpx|bun|bunx|deno|corepack|tsc|python[\\d.]*|pip[\\d.]*|uv|uvx|poetry|ruby|bundle|gem|perl|php',
    'cargo|rustc|go|gofmt|java|javac|mvn|gradle|dotnet|make|gmake|cmake|ninja|just|gcc|g\\+\\+|cc|c\\+\\+|clang|ld|ar|docker|podman|git|gh',
    'sh|bash|dash|zsh|ksh|env|exec|test|true|false|echo|printf|cat|cp|mv|rm|ln|ls|mkdir|rmdir|touch|chmod|chown|install|find|xargs|sort|uniq',
    'head|tail|tee|tr|cut|wc|sed|awk|gawk|mawk|[ef]?grep|diff|cmp|comm|join|paste|expr|seq|sleep|timeout|time|nice|nohup|date|uname|which|command',
    'id|sudo|su|setsid|stat|readlink|realpath|dirname|basename|mktemp|tar|gzip|gunzip|zip|unzip|curl|wget|ssh|kill|ps|busybox|\\[',
  ].join('|')})$`,
);
