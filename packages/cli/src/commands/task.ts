/** `task logs`: the conversation and the gates of a task, and on to its end with `--follow`. */
import type { Item, Task } from '@berth/contract';
import type { Command } from 'commander';
import { type Context, type Frame, leaf } from '../command.ts';
import { gateLines, itemLine } from '../progress.ts';
import { tellTask } from '../waiting.ts';
import { watch } from '../watch.ts';

export const taskCommands = (frame: Frame): Command[] => [
  leaf(
    frame,
    'logs',
    'Read the conversation of a task and the evidence of its gates',
    (context, { args, options }) => logs(context, args[0] ?? '', options.follow === true),
  )
    .argument('<id>')
    .option('-f, --follow', 'go on until the task has ended'),
];

const logs = async (context: Context, id: string, isFollowing: boolean): Promise<number> => {
  const { client, output } = context;
  // Read first, so that nothing falls between the past and what is followed.
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
  await printGate(context, task);
  const isWaiting = task.state === 'waiting';
  if (isWaiting) await tellTask(context, id);
  if (!isFollowing || task.endedAt !== undefined) return 0;
  return (await watch(context, { id, afterSeq: lastSeq, isWaiting })).exitCode;
};

async function* itemsOf({ client }: Context, id: string): AsyncGenerator<Item, void, undefined> {
  let after: string | undefined;
  do {
    const page = await client.sessions.items({ id, limit: 200, after });
    yield* page.rows;
    after = page.next;
  } while (after !== undefined);
}

/** Of the newest change, which is the one that landed or the last that did not. */
const printGate = async ({ client, output }: Context, { id: taskId }: Task): Promise<void> => {
  const { rows } = await client.changes.list({ taskId, limit: 200 });
  const gateRunId = rows.sort((a, b) => b.createdAt - a.createdAt)[0]?.gateRunId;
  if (gateRunId === undefined) return;
  const gate = await client.gates.get({ id: gateRunId });
  if (output.isJson) output.json(gate);
  else {
    gateLines(gate, output);
    for (const { exitCode, logTail } of gate.evidence) if (exitCode !== 0) output.text(logTail.trimEnd());
  }
};
