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
