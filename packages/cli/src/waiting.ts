/** Output about a change that weakens its gate, and how to proceed while it awaits approval. */
import { type Change, ChangeDecision, isUndecided, type Weakening } from '@berth/contract';
import type { Context } from './command.ts';
import { clipped, type Output, type Row } from './output.ts';

const LONGEST_LINE = 240;
const MOST_LINES = 50;

/** One line each: place, kind, and text. */
export const weakenedLines = (weakened: readonly Weakening[], output: Output): string[] =>
  [
    ...weakened.slice(0, MOST_LINES).map(({ kind, repository, subject, detail }) => {
      const spoken = kind.replaceAll('_', ' ');
      const more = spoken.endsWith(detail) ? '' : ` (${detail})`;
      return clipped(`! ${spoken}: ${subject}${more} in ${repository}`, LONGEST_LINE);
    }),
    ...(weakened.length > MOST_LINES
      ? [`! and ${weakened.length - MOST_LINES} more; use --json to see all`]
      : []),
  ].map((line) => output.colour('yellow', line));

/** The commands to proceed with. */
export const decisionLines = (id: string, output: Output): string[] => [
  output.colour('yellow', '? the change passes, but it weakens its gate: it awaits approval'),
  `  review   berth change diff ${id}`,
  `  approve  berth change approve ${id}`,
  `  reject   berth change reject ${id} --reason "…"`,
];

/**
 * For a change awaiting approval. On standard error, so that a diff stays valid; nothing for programs, which read the
 * record.
 */
export const printChange = async ({ client, output, world }: Context, id: string): Promise<void> => {
  if (output.isJson) return;
  const change = await client.changes.get({ id });
  for (const line of linesOf(change, output)) world.stderr.write(`${line}\n`);
};

/** Includes the name of the token that decided. */
export const formatChange = (change: Row): Row => {
  const { data } = ChangeDecision.safeParse(change.decision);
  return data === undefined ? change : { ...change, decision: formatDecision(data) };
};

export const formatDecision = ({ verdict, by, byName = by, reason }: ChangeDecision): string =>
  `${verdict} by ${clipped(byName)}${reason === undefined ? '' : `: ${clipped(reason)}`}`;

export const printTask = async (context: Context, taskId: string): Promise<void> => {
  const { rows } = await context.client.changes.list({ taskId, limit: 200 });
  const waiting = rows.find(isUndecided);
  if (waiting !== undefined) await printChange(context, waiting.id);
};

const linesOf = (change: Change, output: Output): string[] => {
  const { id, weakened = [] } = change;
  return isUndecided(change) ? [...weakenedLines(weakened, output), ...decisionLines(id, output)] : [];
};
