/**
 * Validates names before they are passed to git, so that none is interpreted as an option, a revision or a pattern.
 */
import assert from 'node:assert/strict';

const MAX_REF_LENGTH = 300;

/** A full ref name by the rules of `git check-ref-format`, printable, never with a leading dash. */
export const isFullRef = (ref: string): boolean =>
  ref.length <= MAX_REF_LENGTH &&
  /^refs\/[^/]/.test(ref) &&
  // biome-ignore lint/suspicious/noControlCharactersInRegex: git refuses them in names, so we name them.
  !/[\u0000-\u0020~^:?*[\\\u007f]|\.\.|\/\/|@\{|[./]$/.test(ref) &&
  ref.split('/').every((part) => !part.startsWith('.') && !part.startsWith('-') && !part.endsWith('.lock'));

/** Whether a grant's list covers a ref: by exact name, or by a prefix that ends in `/`. */
export const isCovered = (ref: string, writeRefs: readonly string[]): boolean =>
  writeRefs.some((allowed) => (allowed.endsWith('/') ? ref.startsWith(allowed) : ref === allowed));

export const assertRef = (ref: string): string => {
  assert(isFullRef(ref), `${JSON.stringify(ref)} is not a full ref name`);
  return ref;
};

export const assertCommit = (commit: string): string => {
  assert(/^[0-9a-f]{40}$/.test(commit), `${JSON.stringify(commit)} is not a commit`);
  return commit;
};
