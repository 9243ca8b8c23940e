/**
 * One agent from its installation to its end: it lands a fix, continues the same conversation, is cancelled during a
 * command, and gets an unknown model.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Client, createClient } from '@berth/sdk/node';
import { FILES } from './scripts.ts';

export interface Cast {
  readonly agent: string;
  /** Where the agent is installed, and where all other files are put. */
  readonly place: string;
  readonly env: NodeJS.ProcessEnv;
  /** Of the model. */
  readonly key: string;
}

export interface Told {
  readonly agent: string;
  readonly landedMs?: number | undefined;
  /** Whether the follow-up continued the same conversation. */
  readonly followUp?: string | undefined;
  readonly cancelledMs?: number | undefined;
  readonly unknownModel?: string | undefined;
  readonly keyInside?: boolean | undefined;
  /** Empty on success. */
  readonly problem: string;
}

const BERTH = fileURLToPath(new URL('../../packages/cli/bin/berth.js', import.meta.url));
const LIMIT_MS = 180_000;

export const tellStory = async (cast: Cast): Promise<Told> => {
  const { agent, place } = cast;
  const home = join(place, 'home');
  const env = { ...cast.env, BERTH_HOME: home, BERTH_PORT: '0' };
  // The model is served by this process, which must not block.
  const berth = (...args: readonly string[]): Promise<number | null> => {
    const child = spawn(process.execPath, [BERTH, ...args], { env, stdio: ['ignore', 'inherit', 'inherit'] });
    return new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  };
  let told: Omit<Told, 'problem'> = { agent };
  try {
    const startedAt = performance.now();
    const repo = makeRepository(place);
    if ((await berth('run', 'Fix the sum.', '--repo', repo, '--agent', agent, '--keep')) !== 0)
      return { ...told, problem: 'nothing landed' };
    told = { ...told, landedMs: Math.round(performance.now() - startedAt) };
    const token = readFileSync(join(home, 'owner-token'), 'utf8').trim();
    const client = createClient({ address: `unix:${join(home, 'run/berth.sock')}`, token });
    told = { ...told, followUp: await goOn(client) };
    told = { ...told, ...(await cancel(client, cast)) };
    told = { ...told, unknownModel: await askUnknown(client, agent) };
    return { ...told, problem: problemOf(told) };
  } catch (error) {
    return { ...told, problem: String(error) };
  } finally {
    await berth('down', '--remove-sandboxes');
  }
};

const makeRepository = (place: string): string => {
  const folder = join(place, 'sum');
  mkdirSync(folder);
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text);
  const git = (...args: readonly string[]) =>
    execFileSync('git', ['-C', folder, '-c', 'user.name=Ada', '-c', 'user.email=ada@example.com', ...args]);
  git('init', '--quiet', '--initial-branch', 'main');
  git('add', '--all');
  git('commit', '--quiet', '--message', 'Begin');
  return folder;
};

const firstTask = async (client: Client) => {
  const [task] = (await client.tasks.list({ limit: 1 })).rows;
  if (task === undefined) throw new TypeError('there is no task');
  return task;
};

const ended = async (client: Client, id: string, afterSeq: number) => {
  const followed = client.tasks.follow({ id, afterSeq }, { signal: AbortSignal.timeout(LIMIT_MS) });
  for (;;) {
    const { done, value } = await followed.next();
    if (done) return value;
  }
};

const goOn = async (client: Client): Promise<string> => {
  const { lastSeq } = await client.system.stats();
  const { id } = await firstTask(client);
  await client.tasks.prompt({ id, prompt: 'Now also multiply.' });
  const { state } = await ended(client, id, lastSeq);
  const attempt = (await client.tasks.attempts({ id })).rows.at(-1);
  const session = await client.sessions.get({ id: attempt?.sessionId ?? '' });
  return state === 'completed' ? session.continuity : state;
};

const begin = async (client: Client, agent: string, prompt: string) => {
  const { lastSeq } = await client.system.stats();
  const { workspaceId } = await firstTask(client);
  const { id } = await client.tasks.create({ workspaceId, agent, prompt });
  return { id, lastSeq };
};

const cancel = async (client: Client, { agent, key }: Cast) => {
  const { id, lastSeq } = await begin(client, agent, 'Please take your time.');
  const signal = AbortSignal.timeout(LIMIT_MS);
  for await (const { type, data } of client.events.stream({ afterSeq: lastSeq }, { signal }))
    if (type.startsWith('item.') && JSON.stringify(data).includes('setTimeout')) break;
  const attempt = (await client.tasks.attempts({ id })).rows.at(-1);
  // Split, so that this command does not contain the text it searches for.
  const [head, tail] = [key.slice(0, 4), key.slice(4)];
  const shell = `k=${head}; grep -lsr "$k${tail}" /proc/[0-9]*/environ /proc/[0-9]*/cmdline "$HOME" /workspace /tmp /run`;
  const { stdout } = await client.sandboxes.exec({ id: attempt?.sandboxId ?? '', shell });
  const askedAt = performance.now();
  await client.tasks.cancel({ id });
  await ended(client, id, lastSeq);
  return { cancelledMs: Math.round(performance.now() - askedAt), keyInside: stdout !== '' };
};

const askUnknown = async (client: Client, agent: string): Promise<string | undefined> => {
  const { id, lastSeq } = await begin(client, agent, 'Ask a model that nobody has.');
  return (await ended(client, id, lastSeq)).error?.code;
};

const problemOf = ({ followUp, keyInside, unknownModel }: Omit<Told, 'problem'>): string => {
  if (followUp !== 'resumed' && followUp !== 'fresh') return 'the follow-up did not land';
  if (keyInside !== false) return 'the key is in the sandbox';
  return unknownModel === 'model.unknown' ? '' : 'the unknown model is not named';
};
