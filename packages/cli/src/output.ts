/** Output for people: tables and facts; for programs: one JSON value per line. */

import { type CommandIo, coloured } from './screen.ts';

export type Row = Readonly<Record<string, unknown>>;

const COLOURS = { red: 31, green: 32, yellow: 33, dim: 2 } as const;

export interface Output {
  readonly isJson: boolean;
  /** A JSON line, for `--json`. */
  readonly json: (value: unknown) => void;
  /** One line, whatever the text contains. */
  readonly line: (text: string) => void;
  /** Lines from an untrusted source. */
  readonly text: (text: string) => void;
  readonly table: (rows: readonly Row[], columns: readonly string[]) => void;
  readonly facts: (record: Row) => void;
  readonly colour: (name: keyof typeof COLOURS, text: string) => string;
}

export const createOutput = (world: CommandIo, isJson: boolean): Output => {
  const text = (lines: string) => void world.stdout.write(`${lines}\n`);
  const line = (one: string) => text(one.replace(/[\r\n]+/g, ' '));
  return {
    isJson,
    line,
    text,
    json: (value) => line(JSON.stringify(value)),
    table: (rows, columns) => tableLines(rows, columns).forEach(line),
    facts: (record) => factLines(record).forEach(line),
    colour: (name, words) => (world.isTerminal ? coloured(COLOURS[name], words) : words),
  };
};

const tableLines = (rows: readonly Row[], columns: readonly string[]): string[] => {
  const cells = [columns.map(spoken), ...rows.map((row) => columns.map((name) => cell(name, row[name])))];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => line[index]?.length ?? 0)));
  return cells.map((line) =>
    line
      .map((text, index) => text.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  );
};

const factLines = (record: Row): string[] => {
  const facts = Object.entries(record).filter(([, value]) => value !== undefined);
  const width = Math.max(0, ...facts.map(([name]) => spoken(name).length));
  return facts.map(([name, value]) => `${spoken(name).padEnd(width)}  ${cell(name, value)}`);
};

/** `createdAt` is `CREATED`, `workspaceId` is `WORKSPACE`; a unit goes with its value. */
const spoken = (name: string) =>
  name
    .replace(/(?:At|Id|Ms|Bytes)$/, '')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toUpperCase();

const LONGEST_CELL_CHARS = 200;

const cell = (name: string, value: unknown): string => {
  if (value === undefined || value === null) return '-';
  if (name.endsWith('At') && typeof value === 'number')
    return new Date(value).toISOString().replace('T', ' ').slice(0, 19);
  if (typeof value === 'number' && name.endsWith('Ms')) return formatDuration(value);
  if (typeof value === 'number' && name.endsWith('Bytes')) return `${Math.round(value / 2 ** 20)} MiB`;
  if (isError(value)) return clipped(`${value.message} (${value.code})`);
  if (typeof value === 'object') return clipped(JSON.stringify(value));
  return clipped(String(value));
};

const isError = (value: unknown): value is { readonly code: string; readonly message: string } =>
  typeof value === 'object' && value !== null && 'code' in value && 'message' in value;

const UNITS: readonly (readonly [ms: number, name: string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
];

/** In the largest unit that is at least 1. */
const formatDuration = (ms: number): string => {
  const [unit, name] = UNITS.find(([size]) => ms >= size) ?? [1, 'ms'];
  return `${Math.round(ms / unit)} ${name}`;
};

/** Cut to one line: some of it was written inside a sandbox. */
export const clipped = (text: string, most = LONGEST_CELL_CHARS): string => {
  const line = text.replace(/\p{Cc}+/gu, ' ').trim();
  return line.length > most ? `${line.slice(0, most - 1)}…` : line;
};
