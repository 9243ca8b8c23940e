/** Commands about the installation: `status`, `doctor`, `events`. */
import type { Command } from 'commander';
import { type Context, type Frame, leaf, text } from '../command.ts';
import { numberOf } from '../derive.ts';
import { clipped } from '../output.ts';

export const systemCommands: Readonly<Record<string, (frame: Frame) => Command>> = {
  status: (frame) => leaf(frame, 'status', 'Show the health of the server and what it is doing', status),
  doctor: (frame) => leaf(frame, 'doctor', 'Test every requirement and report what is missing', doctor),
  events: (frame) =>
    leaf(frame, 'events', 'Follow the event log', (context, { options }) => events(context, options))
      .option('--after <seq>', 'start after this event; default: now')
      .option('--type <type>', 'only this type, or all types of a noun: task.*')
      .option('--subject <id>', 'only about this record'),
};

const status = async ({ client, output }: Context): Promise<number> => {
  const [health, stats] = [await client.system.health(), await client.system.stats()];
  if (output.isJson) output.json({ health, stats });
  else {
    const { sandboxes, tasks, changes, jobs, ...rest } = stats;
    const counted = Object.entries({ sandboxes, tasks, changes, jobs }).map(([n, by]) => [n, countsOf(by)]);
    output.facts({ ...health, checks: undefined, ...Object.fromEntries(counted), ...rest });
  }
  return 0;
};

/** Counts by state. */
const countsOf = (byState: Readonly<Record<string, number>> = {}): string =>
  Object.entries(byState)
    .map(([state, count]) => `${count} ${state}`)
    .join(', ') || 'none';

/** Exit 6 when something required is missing. */
const doctor = async ({ client, output }: Context): Promise<number> => {
  const { checks } = await client.system.doctor();
  if (output.isJson) checks.forEach(output.json);
  else
    for (const { ok, name, detail, hint } of checks) {
      output.line(
        `${ok ? output.colour('green', '✓') : output.colour('red', '✗')} ${name}: ${clipped(detail)}`,
      );
      if (!ok && hint !== undefined) output.line(`  ${hint}`);
    }
  return checks.every(({ ok }) => ok) ? 0 : 6;
};

const events = async ({ client, output, world }: Context, options: Readonly<Record<string, unknown>>) => {
  const stop = new AbortController();
  const forget = world.onInterrupt(() => stop.abort());
  const filter = { type: text(options.type), subject: text(options.subject) };
  const after = text(options.after);
  const afterSeq = after === undefined ? undefined : numberOf('after', after);
  try {
    for await (const event of client.events.stream({ ...filter, afterSeq }, { signal: stop.signal })) {
      const { seq, at, type, subject, data } = event;
      if (output.isJson) output.json(event);
      else
        output.line(
          `${seq}  ${new Date(at).toISOString()}  ${type}  ${subject}  ${clipped(JSON.stringify(data))}`,
        );
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    forget();
  }
  return 0;
};
