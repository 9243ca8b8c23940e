/**
 * A unified diff, cut into files. Everything after the first `@@` of a file is content, whatever it looks like: a
 * removed line that reads `-- a/x` is not a header.
 */
export interface DiffLine {
  readonly kind: 'added' | 'removed' | 'same' | 'place' | 'note';
  readonly text: string;
}

export interface DiffFile {
  readonly path: string;
  readonly lines: readonly DiffLine[];
  readonly added: number;
  readonly removed: number;
}

const KINDS: Readonly<Record<string, DiffLine['kind']>> = {
  '+': 'added',
  '-': 'removed',
  ' ': 'same',
  '@': 'place',
};

export const filesIn = (diff: string): readonly DiffFile[] =>
  diff
    .split(/^(?=diff --git )/m)
    .filter((part) => part.startsWith('diff --git '))
    .map(fileOf);

const fileOf = (part: string): DiffFile => {
  const all = part.replace(/\n$/, '').split('\n');
  const found = all.findIndex((line) => line.startsWith('@@'));
  const start = found < 0 ? all.length : found;
  const headers = all.slice(0, start);
  const content = all.slice(start).map((text): DiffLine => ({ kind: KINDS[text[0] ?? ''] ?? 'note', text }));
  const count = (kind: DiffLine['kind']) => content.filter((line) => line.kind === kind).length;
  const notes = found < 0 ? headers.slice(1).map((text): DiffLine => ({ kind: 'note', text })) : [];
  return {
    path: pathIn(headers),
    lines: [...notes, ...content],
    added: count('added'),
    removed: count('removed'),
  };
};

/** The name after the change; the old name for a removed file; else the name in the first line. */
const pathIn = (headers: readonly string[]): string => {
  const named = (pattern: RegExp) => headers.map((line) => pattern.exec(line)?.[1]).find(Boolean);
  return (
    named(/^\+\+\+ "?b\/(.*?)"?\t?$/) ??
    named(/^--- "?a\/(.*?)"?\t?$/) ??
    named(/^rename to (.*)$/) ??
    nameInFirstLine(headers[0] ?? '') ??
    'unnamed'
  );
};

/** `diff --git a/x b/x`: what follows the last ` b/`. */
const nameInFirstLine = (line: string): string | undefined => {
  const plain = line.endsWith('"') ? line.slice(0, -1) : line;
  const at = Math.max(plain.lastIndexOf(' b/') + 3, plain.lastIndexOf(' "b/') + 4);
  return at > 4 ? plain.slice(at) : undefined;
};
