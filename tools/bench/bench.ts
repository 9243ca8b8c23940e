/**
 * `npm run bench`: measures user-visible latency, against the bare runtime and against Docker where a daemon answers,
 * in one run, and writes docs/bench.md and docs/bench.json. `--only=<name>` measures one part and writes nothing;
 * `--burst=<n>` sets the number of concurrent sandboxes.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openBareRuntime } from './bare-runtime.ts';
import type { Contender } from './contest.ts';
import { openDocker } from './docker.ts';
import { factsOfMachine } from './facts.ts';
import { openOciDriver } from './guest-channel.ts';
import { measureBurst } from './measure/burst.ts';
import { measureCli } from './measure/cli.ts';
import { measureCreate } from './measure/create.ts';
import { measureEvents } from './measure/events.ts';
import { measureExec } from './measure/exec.ts';
import { measureLayers } from './measure/layers.ts';
import { measureProcessorTime } from './measure/processor-time.ts';
import { measureQueue } from './measure/queue.ts';
import { measureServer } from './measure/server.ts';
import { plainChild } from './plain-child.ts';
import { startRealServer } from './real-server.ts';
import { reportOf, textOf } from './report.ts';
import type { Group } from './row.ts';
import { berthThroughApi } from './through-api.ts';

const DOCS = fileURLToPath(new URL('../../docs/', import.meta.url));

const { values } = parseArgs({
  options: { only: { type: 'string' }, burst: { type: 'string', default: '50' } },
});

/** The competitors that work here, and why the others do not. */
const openRivals = async (stack: AsyncDisposableStack) => {
  const absent: string[] = [];
  const runtime = await openBareRuntime();
  if (runtime === undefined) absent.push('neither crun nor runc runs a bundle here');
  const docker = await openDocker();
  if (typeof docker === 'string') absent.push(docker);
  const rivals = [runtime, docker].filter((one): one is Contender => typeof one === 'object');
  return { rivals: rivals.map((rival) => stack.use(rival)), absent };
};

const sandboxes = async (): Promise<Group> => {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await startRealServer());
  const { rivals, absent } = await openRivals(stack);
  const { title, rows } = await measureCreate([berthThroughApi(server.client), ...rivals]);
  return { title, rows: [...rows, ...(await measureProcessorTime(server))], absent };
};

const execs = async (): Promise<Group> => {
  await using stack = new AsyncDisposableStack();
  const oci = stack.use(await openOciDriver());
  const server = stack.use(await startRealServer());
  const { rivals } = await openRivals(stack);
  const api = { ...berthThroughApi(server.client), name: 'berth through the API' };
  return await measureExec(oci.contender('berth, guest channel', []), [...rivals, api, plainChild]);
};

const burst = async (): Promise<Group> => {
  await using server = await startRealServer();
  const berth = berthThroughApi(server.client);
  await berth.remove(await berth.start());
  return await measureBurst(berth, Number(values.burst));
};

const layers = async (): Promise<Group> => {
  await using oci = await openOciDriver();
  return await measureLayers(oci);
};

const PARTS: Readonly<Record<string, () => Promise<Group>>> = {
  ...{ create: sandboxes, layers, burst, exec: execs },
  ...{ queue: measureQueue, events: measureEvents, server: measureServer, cli: measureCli },
};

const facts = factsOfMachine();
const groups: Group[] = [];
for (const [name, measure] of Object.entries(PARTS)) {
  if (values.only !== undefined && values.only !== name) continue;
  const group = await measure();
  console.log(textOf(group));
  groups.push(group);
}
if (values.only === undefined) {
  writeFileSync(`${DOCS}bench.json`, `${JSON.stringify({ facts, groups }, undefined, 2)}\n`);
  writeFileSync(`${DOCS}bench.md`, reportOf({ facts, groups }));
  console.log('Written to docs/bench.md and docs/bench.json.');
}
