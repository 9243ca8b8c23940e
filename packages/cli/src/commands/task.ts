/** `task logs`: the conversation and the gates of a task, followed to its end with `--follow`. */
import { type Change, type Item, isUndecided, type Task } from '@berth/contract';
import type { Command } from 'commander';
import { type Context, type Frame, leaf } from '../command.ts';
import { gateLines, itemLine } from '../progress.ts';
import { decisionLines, formatDecision } from '../waiting.ts';
import { watch } from '../watch.ts';

export const taskCommands = (frame: Frame): Command[] => [
  leaf(
    frame,
    'logs',
    'Read the conversation of a task and the evidence of its gate runs',
    (context, { args, options }) => logs(context, args[0] ?? '', options.follow === true),
  )
    .argument('<id>')
    .option('-f, --follow', 'follow until the task has ended'),
];

const logs = async (context: Context, id: string, isFollowing: boolean): Promise<number> => {
  const { client, output } = context;
  // Read first, so that nothing is lost between the backlog and the stream.
  const { lastSeq } = await client.system.stats();
  const task = await client.tasks.get({ id });
  for (const { sessionId } of (await client.tasks.attempts({ id })).rows) {
    if (sessionId === undefined) continue;
    for await (const item of itemsOf(context, sessionId)) {
      const line = itemLine(item.body, output);
      if (output.isJson) output.json(item);
      else if (line !== undefined) output.line(line);
    }
  }
  const change = await newestChange(context, task);
  if (change !== undefined) await printVerdict(context, change);
  if (!isFollowing || task.endedAt !== undefined) return 0;
  const waiting = task.state === 'waiting' ? change?.id : undefined;
  return (await watch(context, { id, afterSeq: lastSeq, waiting })).exitCode;
};

async function* itemsOf({ client }: Context, id: string): AsyncGenerator<Item, void, undefined> {
  let after: string | undefined;
  do {
    const page = await client.sessions.items({ id, limit: 200, after });
    yield* page.rows;
    after = page.next;
  } while (after !== undefined);
}

/** The one that landed, or the last one that did not. */
const newestChange = async ({ client }: Context, { id: taskId }: Task): Promise<Change | undefined> => {
  const { rows } = await client.changes.list({ taskId, limit: 200 });
  return rows.sort((a, b) => b.createdAt - a.createdAt)[0];
};

/** The result of its gate, and what happened to the change. */
const printVerdict = async (context: Context, change: Change): Promise<void> => {
  const { client, output } = context;
  const { gateRunId } = change;
  const gate = gateRunId === undefined ? undefined : await client.gates.get({ id: gateRunId });
  if (gate !== undefined && output.isJson) output.json(gate);
  if (output.isJson) return;
  if (gate !== undefined) {
    gateLines(gate, output);
    for (const { exitCode, logTail } of gate.evidence) if (exitCode !== 0) output.text(logTail.trimEnd());
  }
  const line = verdictLine(change);
  if (line !== undefined) output.line(line);
  if (isUndecided(change)) for (const one of decisionLines(change.id, output)) output.line(one);
};

/** Nothing when the gate has already said it. */
const verdictLine = ({ state, decision }: Change): string | undefined => {
  if (decision === undefined) return state === 'merged' ? 'landed' : undefined;
  return `the change was ${formatDecision(decision)}${state === 'merged' ? '; landed' : ''}`;
};
