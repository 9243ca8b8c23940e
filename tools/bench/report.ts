/** The results as a document: one table, the machine, and how to reproduce. Pure. */
import type { Facts } from './facts.ts';
import { type Bound, type Group, holds, type Row } from './row.ts';

export interface Results {
  readonly facts: Facts;
  readonly groups: readonly Group[];
}

export const reportOf = ({ facts, groups }: Results): string =>
  [
    '# Figures',
    '',
    'Written by `npm run bench`; the same as data is in [bench.json](bench.json). Figures of different machines do not',
    'compare, so the ratios count: contenders take turns in one run. Without a qualifier a figure is a median.',
    '',
    ...tableOf([['what', 'measured', 'p95', 'n', 'bound', 'holds'], ...groups.flatMap(linesOf)]),
    '',
    ...notesOf(groups),
    '## The machine',
    '',
    ...tableOf([['fact', 'value'], ...Object.entries(facts).map(([name, value]) => [name, String(value)])]),
    '',
  ].join('\n');

/** One group for a terminal. */
export const textOf = ({ title, rows, absent = [] }: Group): string =>
  [
    title,
    ...rows.map((row) => `  ${lineOf(row).join('  ').trimEnd()}`),
    ...absent.map((why) => `  (${why})`),
  ].join('\n');

/** A few significant digits: more would suggest a precision that no shared machine has. */
export const printed = (value: number, unit: Row['unit']): string => {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  const text = Number.isInteger(value) ? String(value) : value.toFixed(digits);
  return unit === '×' ? `${text}×` : unit === 'failures' ? text : `${text} ${unit}`;
};

const linesOf = ({ title, rows }: Group): string[][] => [
  [`**${title}**`, '', '', '', '', ''],
  ...rows.map(lineOf),
];

const lineOf = (row: Row): string[] => [
  row.what,
  printed(row.value, row.unit),
  row.p95 === undefined ? '' : printed(row.p95, row.unit),
  row.samples === undefined ? '' : String(row.samples),
  row.bound === undefined ? '' : boundText(row.bound, row.unit),
  verdictOf(row),
];

const verdictOf = (row: Row): string => {
  const verdict = holds(row);
  if (verdict === undefined) return '';
  return verdict ? 'yes' : '**no**';
};

const boundText = (bound: Bound, unit: Row['unit']): string =>
  'atMost' in bound ? `≤ ${printed(bound.atMost, unit)}` : `≥ ${printed(bound.atLeast, unit)}`;

const tableOf = ([head = [], ...lines]: readonly (readonly string[])[]): string[] =>
  [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`);

const notesOf = (groups: readonly Group[]): string[] => {
  const notes = groups.flatMap(({ title, rows, absent = [] }) => [
    ...rows.flatMap(({ what, note }) => (note === undefined ? [] : [`- ${what}: ${note}`])),
    ...absent.map((reason) => `- ${title}: ${reason}`),
  ]);
  return notes.length === 0 ? [] : ['## Notes', '', ...notes, ''];
};
