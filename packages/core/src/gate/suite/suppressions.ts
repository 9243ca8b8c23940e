/** Words by which code tells a linter, a type checker or a coverage tool to leave a part of it alone. */
import { isDocument } from '../repository/file-kinds.ts';

/** Opens a comment, unless it is in quotes. */
const SLASH = String.raw`(?:(?<!["'\x60:])(?:\/\/|\/\*)[\s*!]{0,9}|<!--\s{0,9}|^[ \t]{0,200}\*\s{0,9})`;
const HASH = String.raw`(?<!["'\x60])#{1,3}\s{0,9}`;
const after = (opener: string, words: string): string => `${opener}(?:${words})`;

const ANY = String.raw`NOSONAR|nosemgrep|semgrep-ignore|gitleaks:allow|trivy:ignore|lgtm\[|codeql\[|cspell:(?:disable|ignore)|spell-checker:disable`;
const JAVASCRIPT = [
  after(
    SLASH,
    String.raw`@ts-(?:nocheck|ignore|expect-error)|(?:eslint|oxlint|tslint|standard|ng-lint|stylelint|htmlhint)[-:]disable|biome-ignore|deno-lint-ignore|jshint ignore|jslint ignore|prettier-ignore|\$FlowFixMe|\$FlowIgnore|@noflow|(?:istanbul|c8|v8) ignore|node:coverage (?:ignore|disable)|Stryker disable|svelte-ignore|knip-ignore|ts-prune-ignore|astro-ignore|${ANY}`,
  ),
  // Modules of any name, or without types.
  String.raw`^[ \t]{0,200}declare\s{1,9}module\s{1,9}(?:["']\*["']|["'][^"'\n]{1,200}["']\s{0,9};)`,
].join('|');
const PYTHON = [
  after(
    HASH,
    String.raw`(?:flake8:|ruff:)?\s{0,9}noqa\b|ruff:\s{0,9}(?:ignore|disable)|type:\s{0,9}ignore|pyright:|pyre-(?:ignore|fixme|unsafe)|pylint:\s{0,9}(?:disable|skip-file)|mypy:|pragma:\s{0,9}no\b|nosec\b|isort:\s{0,9}(?:skip|off)|fmt:\s{0,9}(?:off|skip)|bandit:|pragma: allowlist|${ANY}`,
  ),
  String.raw`^[ \t]{0,200}@(?:typing\.|t\.)?no_type_check`,
].join('|');
const GO = after(
  SLASH,
  String.raw`nolint\b|lint:(?:file-)?ignore|#nosec|revive:disable|exhaustive:ignore|coverage:ignore|${ANY}`,
);
const RUST = [
  String.raw`#!?\[[^\]\n]{0,200}\b(?:allow|expect)\s{0,9}\(|#!?\[\s{0,9}(?:rustfmt::skip|coverage\(off)`,
  after(SLASH, ANY),
].join('|');
const JVM = [
  String.raw`@(?:file:\s{0,9})?Suppress(?:Warnings|Lint|FBWarnings)?\b|@nowarn\b`,
  after(
    SLASH,
    String.raw`CHECKSTYLE[: ]OFF|noinspection|ktlint-disable|scalastyle:off|scalafix:off|spotless:off|@formatter:off|${ANY}`,
  ),
].join('|');
const RUBY = after(
  HASH,
  String.raw`(?:rubocop|standard):(?:disable|todo)|:nocov:|steep:ignore|typed:\s{0,9}(?:false|ignore)|reek\b|brakeman:ignore|${ANY}`,
);
const PHP = [
  after(
    String.raw`(?:(?<!["'\x60:])(?:\/\/|\/\*|#)[\s*!]{0,9}|^[ \t]{0,200}\*\s{0,9})`,
    String.raw`@(?:phpstan-ignore|psalm-suppress|phan-suppress|phan-file-suppress|codeCoverageIgnore|SuppressWarnings|noinspection)|phpcs:(?:ignore|disable)|noinspection|${ANY}`,
  ),
].join('|');
const DOTNET = [
  String.raw`^[ \t]{0,200}#\s{0,9}(?:pragma\s{1,9}warning\s{1,9}disable|nullable\s{1,9}disable|nowarn)`,
  String.raw`\[\s{0,9}(?:\w{1,20}:\s{0,9})?(?:[\w.]{1,100}\.)?(?:SuppressMessage|ExcludeFromCodeCoverage|UnconditionalSuppressMessage)\b`,
  after(SLASH, `ReSharper disable|${ANY}`),
].join('|');
const C = [
  String.raw`\bNOLINT(?:NEXTLINE|BEGIN)?\b|\bno_sanitize|\b(?:LCOV|GCOV|GCOVR)_EXCL`,
  String.raw`\bpragma\s{1,9}(?:(?:GCC|clang)\s{1,9}(?:diagnostic\s{1,9}ignored|system_header)|warning\s{0,9}\(\s{0,9}(?:disable|suppress|push\s{0,9},\s{0,9}0))`,
  after(SLASH, String.raw`cppcheck-suppress|coverity\[|clang-format off|clang-analyzer|${ANY}`),
].join('|');
const SWIFT = after(SLASH, `swiftlint:disable|swift-format-ignore|sourcery:|${ANY}`);
const DART = after(SLASH, `ignore(?:_for_file)?:|coverage:ignore|${ANY}`);
const ELIXIR = [after(HASH, `credo:disable|sobelow_skip|${ANY}`), String.raw`@dialyzer\b`].join('|');
const HASHED = after(
  HASH,
  String.raw`shellcheck\s{1,9}disable|hadolint\s{1,9}(?:ignore|global\s{1,9}ignore)|yamllint\s{1,9}disable|ansible-lint|noqa\b|tflint-ignore|tfsec:ignore|checkov:skip|kics-scan|kubeconform:|zizmor:\s{0,9}ignore|actionlint:|taplo:|no critic|luacheck:|${ANY}`,
);
const DASHED = String.raw`--\s{0,9}(?:noqa\b|luacheck:|sqlfluff:|squawk-ignore)|\{-#\s{0,9}(?:OPTIONS_GHC\s{1,9}[^#\n]{0,200}-(?:w|fno-warn|Wno|Wwarn)|ANN\b[^#\n]{0,200}HLint)|${after(SLASH, ANY)}`;

/** By the ending of a file's name. */
const TABLE: readonly (readonly [RegExp, string])[] = [
  [/\.(?:[cm]?[jt]sx?|vue|svelte|astro|s?css|less|html?)$/, JAVASCRIPT],
  [/\.(?:pyi?|pyx|ipynb)$/, PYTHON],
  [/\.go$/, GO],
  [/\.rs$/, RUST],
  [/\.(?:java|kts?|groovy|scala|sc)$/, JVM],
  [/\.(?:rb|rake|erb)$|(?:^|\/)(?:Gemfile|Rakefile)$/, RUBY],
  [/\.php$/, PHP],
  [/\.(?:cs|fs|vb|cshtml|razor)$/, DOTNET],
  [/\.(?:c|cc|cpp|cxx|h|hh|hpp|hxx|mm?|cu)$/, C],
  [/\.swift$/, SWIFT],
  [/\.dart$/, DART],
  [/\.exs?$/, ELIXIR],
  [/\.(?:sql|hs|lua)$/, DASHED],
  [
    /\.(?:(?:ba|da|k|z)?sh|bats|ya?ml|tf|hcl|p[lm]|toml)$|(?:^|\/)(?:[^/]*Dockerfile[^/]*|[Mm]akefile)$/,
    HASHED,
  ],
];

const compiled = new Map<string, RegExp>();
const patternOf = (path: string): RegExp | undefined => {
  const source = isDocument(path) ? undefined : TABLE.find(([names]) => names.test(path))?.[1];
  if (source === undefined) return undefined;
  const pattern = compiled.get(source) ?? new RegExp(source, 'gm');
  compiled.set(source, pattern);
  return pattern;
};

export const mayHoldSuppressions = (path: string): boolean => patternOf(path) !== undefined;

export interface Suppression {
  /** From its first word to the end of the line, without a reason. */
  readonly text: string;
  readonly line: number;
  /** With the code it stands beside or before: the same wherever that code moves. */
  readonly place: string;
}

const MAX_CHARACTERS = 200;
/** Maximum number read of one file. */
const MAX_SUPPRESSIONS = 1000;

export const suppressionsIn = (path: string, text: string): Suppression[] => {
  const pattern = patternOf(path);
  if (pattern === undefined) return [];
  const found: Suppression[] = [];
  let [line, counted] = [1, 0];
  for (const { index, 0: head } of text.matchAll(pattern)) {
    if (found.length >= MAX_SUPPRESSIONS) break;
    const from = index + (head.length - head.trimStart().length);
    for (let at = text.indexOf('\n', counted); at >= 0 && at < from; at = text.indexOf('\n', counted)) {
      line += 1;
      counted = at + 1;
    }
    const [own = '', next = ''] = text.slice(counted, counted + 2 * MAX_CHARACTERS).split('\n', 2);
    const said = text.slice(from, from + MAX_CHARACTERS).split('\n', 1)[0] ?? '';
    const reasonless = said.replace(/\s--\s.*$|\s*(?:\*\/|-->).*$/, '').trim();
    found.push({ text: reasonless, line, place: `${own.trim()}\n${next.trim()}` });
  }
  return found;
};

/** Takes each text as often as it is there. */
export const createTaker = (texts: readonly string[]) => {
  const left = new Map<string, number>();
  for (const text of texts) left.set(text, (left.get(text) ?? 0) + 1);
  return {
    take(text: string): boolean {
      const count = left.get(text) ?? 0;
      if (count > 0) left.set(text, count - 1);
      return count > 0;
    },
    rest: (): string[] => [...left].flatMap(([text, count]) => (count > 0 ? [text] : [])),
  };
};

/** Beyond this, a narrower form of what was there counts as added. */
const MAX_COMPARISONS = 40_000;

/** Those that were not there before, nor a wider form of them. */
export const suppressionsAdded = (
  was: readonly Suppression[],
  is: readonly Suppression[],
): readonly Suppression[] => {
  const before = createTaker(was.map(({ text }) => text));
  const unknown = is.filter(({ text }) => !before.take(text));
  const wider = before.rest();
  if (unknown.length * wider.length > MAX_COMPARISONS) return unknown;
  return unknown.filter(({ text }) => !wider.some((one) => before.take(isNarrower(text, one) ? one : '')));
};

const wordsOf = (text: string): string[] => text.match(/[\w/@.-]+/g) ?? [];

/** The same words without some of the rules; where it names no rule, it means all of them. */
const isNarrower = (text: string, than: string): boolean => {
  const [words, all] = [wordsOf(text), wordsOf(than)];
  return words.length > 1 && words.length < all.length && words.every((word) => all.includes(word));
};
