/**
 * How an item grows while an agent speaks: as a delta instead of the whole text. A reader that holds the previous
 * revision applies it; any other reads the item again.
 */
import { z } from 'zod';
import { SessionId } from './ids.ts';
import type { Item, ItemBody } from './session.ts';

export const ItemGrowth = z.object({
  sessionId: SessionId,
  /** The item's revision after this growth. */
  revision: z.int().min(2),
  field: z.enum(['text', 'output']),
  /** UTF-16 code units dropped from the front: only the end of a long text is kept. */
  drop: z.int().min(0),
  /** Length of the rest, to which the text is appended. */
  from: z.int().min(0),
  text: z.string(),
});
export type ItemGrowth = z.infer<typeof ItemGrowth>;

export type Growth = Pick<ItemGrowth, 'field' | 'drop' | 'from' | 'text'>;

/** Undefined when more than one text changed, or when a text did more than grow at its end. */
export const growthOf = (before: ItemBody, after: ItemBody): Growth | undefined => {
  const field = after.kind === 'tool' ? 'output' : 'text';
  const [older, newer] = [textIn(before, field), textIn(after, field)];
  if (newer === undefined || before.kind !== after.kind || !differInTextAlone(before, after, field))
    return undefined;
  const drop = dropOf(older ?? '', newer);
  if (drop === undefined) return undefined;
  const from = (older ?? '').length - drop;
  return { field, drop, from, text: newer.slice(from) };
};

/** The item with the growth applied; undefined when the item is not the previous revision. */
export const grown = (item: Item, growth: ItemGrowth, at: number): Item | undefined => {
  const { field, drop, from, text, revision } = growth;
  const older = (textIn(item.body, field) ?? '').slice(drop);
  if (item.revision !== revision - 1 || older.length !== from) return undefined;
  // The field exists in this kind of body: a growth is computed from two bodies of one kind.
  const body = { ...item.body, [field]: older + text } as ItemBody;
  return { ...item, body, revision, updatedAt: at };
};

const textIn = (body: ItemBody, field: Growth['field']): string | undefined => {
  const text: unknown = field in body ? (body as Readonly<Record<string, unknown>>)[field] : undefined;
  return typeof text === 'string' ? text : undefined;
};

const differInTextAlone = (before: ItemBody, after: ItemBody, field: Growth['field']): boolean =>
  JSON.stringify({ ...before, [field]: '' }) === JSON.stringify({ ...after, [field]: '' });

const PROBE_CHARACTERS = 64;
const MOST_PLACES = 8;

/** How much to drop from the front of the older text so that the rest is a prefix of the newer one. */
const dropOf = (older: string, newer: string): number | undefined => {
  if (newer.startsWith(older)) return 0;
  const probe = newer.slice(0, PROBE_CHARACTERS);
  if (probe.length < PROBE_CHARACTERS) return undefined;
  let at = older.indexOf(probe);
  for (let tried = 0; at >= 0 && tried < MOST_PLACES; tried += 1) {
    if (newer.startsWith(older.slice(at))) return at;
    at = older.indexOf(probe, at + 1);
  }
  return undefined;
};
