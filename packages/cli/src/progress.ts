/**
 * A task's events as readable lines: stages with their durations, one line per message and action of the agent, the
 * verdict of every gate. Items arrive as growing upserts; a line is printed once its item is complete, which is when
 * the next one begins or the task changes state.
 */
import {
  dataOf,
  type ErrorCode,
  type Event,
  type EventData,
  type Evidence,
  type GateRun,
  type Item,
  type ItemBody,
  isGreen,
  movedTo,
} from '@berth/contract';
import type { Client } from '@berth/sdk/node';
import { clipped, type Output } from './output.ts';
import { decisionLines, weakenedLines } from './waiting.ts';

export interface Progress {
  readonly event: (event: Event) => Promise<void>;
  /** Prints what is still pending. */
  readonly end: () => void;
}

export const createProgress = (client: Client, output: Output): Progress => {
  let waiting: Item | undefined;
  const printed = new Set<string>();

  const settle = () => {
    if (waiting !== undefined) print(waiting);
    waiting = undefined;
  };
  const print = ({ id, body }: Item) => {
    const line = itemLine(body, output);
    if (line !== undefined && !printed.has(id)) output.line(line);
    printed.add(id);
  };
  const take = (item: Item) => {
    if (waiting !== undefined && waiting.id !== item.id) settle();
    const isAtRest = item.body.kind === 'tool' && ['completed', 'failed'].includes(item.body.status);
    if (isAtRest) print(item);
    else if (!printed.has(item.id)) waiting = item;
  };

  return {
    async event(event) {
      const changed = dataOf(event, 'item.changed');
      if (changed !== undefined) return take(changed.item);
      settle();
      if (event.type.startsWith('gate.')) gateLines(await client.gates.get({ id: event.subject }), output);
      if (event.type === 'change.approval_asked')
        for (const one of decisionLines(event.subject, output)) output.line(one);
      const line = eventLine(event, output);
      if (line !== undefined) output.line(line);
    },
    end: settle,
  };
};

const eventLine = (event: Event, output: Output): string | undefined => {
  const { type } = event;
  const stage = dataOf(event, 'attempt.progressed');
  if (stage !== undefined) return stageLine(stage, output);
  const denied = dataOf(event, 'sandbox.egress_denied');
  if (denied !== undefined) return deniedLine(denied, output);
  if (type === 'change.merged') return `${output.colour('green', '✓')} landed`;
  if (type === 'change.rejected')
    return dataOf(event, 'change.rejected')?.details.code === INTERRUPTION
      ? output.colour('yellow', 'the landing was interrupted; nothing landed')
      : `${output.colour('red', '✗')} the change was rejected`;
  const blocked = dataOf(event, 'task.blocked');
  if (blocked !== undefined)
    return output.colour('dim', `task blocked: it starts after ${blocked.details.after.join(', ')}`);
  if (type === 'task.sent_back') return '↺ back to the agent';
  const move = /^task\.(?:unblocked|requeued|cancelled|killed|failed|completed|claimed)$/.exec(type);
  return move === null ? undefined : output.colour('dim', `task ${movedTo(event)}`);
};

const stageLine = (
  { stage, detail, durationMs }: EventData<'attempt.progressed'>,
  output: Output,
): string => {
  const name = `${clipped(stage, 40)}${detail === undefined ? '' : ` (${clipped(detail, 200)})`}`;
  return durationMs === undefined
    ? output.colour('dim', `· ${name}`)
    : `${output.colour('green', '✓')} ${name} ${output.colour('dim', seconds(durationMs))}`;
};

/** An attempt of the agent or the gate to reach a host that its policy does not allow. */
const deniedLine = ({ host, port, remedy }: EventData<'sandbox.egress_denied'>, output: Output): string => {
  const place = clipped(port === 443 ? host : `${host}:${port}`, 100);
  return output.colour('yellow', `! denied: ${place} (allow it with ${clipped(String(remedy), 200)})`);
};

/** One line for an item, or nothing for items only programs read. */
export const itemLine = (body: ItemBody, output: Output): string | undefined => {
  switch (body.kind) {
    case 'message':
      return body.text.trim() === ''
        ? undefined
        : `  ${body.role === 'agent' ? '▸' : '◂'} ${clipped(body.text)}`;
    case 'tool': {
      const mark = body.status === 'failed' ? output.colour('red', '✗') : '⚙';
      return `  ${mark} ${clipped(body.title, 120)}`;
    }
    case 'plan':
      return `  ☰ ${clipped(body.entries.map((entry) => entry.text).join(' · '))}`;
    case 'permission':
      return `  ? ${clipped(body.title, 120)}: ${clipped(body.decision, 40)}`;
    case 'notice':
      return `  ! ${clipped(body.text)}`;
    case 'thought':
      return undefined;
  }
};

const alteredLine = (one: Evidence, output: Output): string => {
  const [mark, end] = isGreen(one)
    ? [output.colour('red', '!'), 'passes']
    : [output.colour('green', '✓'), 'fails'];
  const time = output.colour('dim', seconds(one.durationMs));
  return `${mark} gate ${one.name}, with tests that must fail: ${end} ${time}`;
};

export const gateLines = (gate: GateRun, output: Output): void => {
  const { evidence, altered = [], weakened = [], reusedFrom } = gate;
  if (reusedFrom !== undefined) output.line(`gate: reused from ${reusedFrom}`);
  for (const one of evidence) {
    const { name, judgedBy, exitCode, durationMs, timedOut, outOfMemory } = one;
    const whose = judgedBy === 'change' ? ' (as changed)' : '';
    const mark = isGreen(one) ? output.colour('green', '✓') : output.colour('red', '✗');
    const end = timedOut ? 'timed out' : outOfMemory ? 'out of memory' : `exit ${exitCode ?? 'by signal'}`;
    output.line(`${mark} gate ${name}${whose}: ${end} ${output.colour('dim', seconds(durationMs))}`);
  }
  for (const one of altered) output.line(alteredLine(one, output));
  for (const one of weakenedLines(weakened, output)) output.line(one);
  output.line(endOf(gate, output));
};

/** A gate that was cancelled says nothing about the change, and is not an error. */
const endOf = ({ state, error }: GateRun, output: Output): string => {
  if (state !== 'broken') return output.colour(state === 'green' ? 'green' : 'red', `gate ${state}`);
  const why = error === undefined ? '' : `: ${clipped(error.message)}`;
  return error?.code === INTERRUPTION
    ? output.colour('yellow', `gate interrupted, without a verdict${why}`)
    : output.colour('red', `gate broken, without a verdict${why}`);
};

const INTERRUPTION: ErrorCode = 'work.cancelled';

const seconds = (ms: number) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);
