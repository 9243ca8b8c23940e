/** What the gate is run from and what its failures lead to, with the scripted agent and real sandboxes. */
import type { Event } from '@berth/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { git, hubOf, makeRepository } from './repository.ts';
import { createWorld, type SystemWorld } from './server.ts';
import { COMPLETED, conversationOf, endOf, messagesOf, runTask } from './tasks.ts';

/** One list of steps per turn: what the agent does when it hears that its change does not pass. */
const TURNS = [
  [{ write: { path: 'requirements.txt', content: 'half\n' } }],
  [{ write: { path: 'requirements.txt', content: 'whole, and more\n' } }],
];

let world: SystemWorld;
beforeAll(async () => {
  world = await createWorld({
    config: { defaults: { keepAliveMs: 0 }, agents: { scripted: { turns: TURNS } } },
  });
}, 60_000);
afterAll(async () => {
  await world?.end();
}, 60_000);

const setupsIn = (events: readonly Event[]): number =>
  events.filter(
    ({ type, data }) =>
      type === 'attempt.progressed' && data.stage === 'setup' && data.durationMs === undefined,
  ).length;

test('a change that breaks the set-up goes back to the agent, and its repair is set up before the gate', async () => {
  const source = makeRepository(world.folder, 'listed', { 'requirements.txt': 'whole\n' });
  const workspace = await world.client.workspaces.create({
    repositories: [{ source }],
    setup: { commands: ['grep whole requirements.txt && cp requirements.txt .installed'] },
    gate: { commands: [{ name: 'installed', run: 'cmp requirements.txt .installed' }] },
  });
  const { task, events } = await runTask(world.client, {
    workspaceId: workspace.id,
    agent: 'scripted',
    prompt: 'Depend on more',
  });
  expect(endOf(task)).toEqual(COMPLETED);
  expect(git(hubOf(workspace), 'show', 'main:requirements.txt')).toBe('whole, and more');
  const { items } = await conversationOf(world.client, task.id);
  const [, sentBack] = messagesOf(items, 'user');
  expect(sentBack).toContain('`grep whole requirements.txt && cp requirements.txt .installed` ended with');
  expect(sentBack).toContain('lock files');
  // For the start of the task, for the broken change, and for the repaired one.
  expect(setupsIn(events)).toBe(3);
}, 60_000);

test('a gate whose tool is not in the sandbox names it, and asks no agent to repair that', async () => {
  const source = makeRepository(world.folder, 'cobbled', { 'a.txt': 'a\n' });
  const workspace = await world.client.workspaces.create({
    repositories: [{ source }],
    setup: { commands: [] },
    gate: { commands: [{ name: 'cobble', run: 'cobble --all' }] },
  });
  const wanted = { workspaceId: workspace.id, agent: 'scripted', prompt: 'Depend on more' };
  const { task } = await runTask(world.client, wanted);
  expect(endOf(task)).toEqual({
    state: 'failed',
    code: 'gate.tool_missing',
    message: 'The gate needs cobble, which the sandbox does not have.',
  });
  const { items } = await conversationOf(world.client, task.id);
  expect(messagesOf(items, 'user')).toHaveLength(1);
  expect(git(hubOf(workspace), 'log', '--format=%s', 'main')).toBe('Begin');
}, 60_000);

/** What a command would need in order to answer in the guest's name: stop it, take its sockets, listen in its place. */
const FORGERY = `
use Socket;
sub show { print "$_[0]: ", ($_[1] ? 'DONE' : $!{EPERM} ? 'refused' : $!{EACCES} ? 'refused' : "$!"), "\\n" }
for my $folder (glob '/proc/[0-9]*') {
  my $pid = 0 + substr $folder, 6;
  open my $f, '<', "$folder/cmdline"; next unless <$f> =~ /guest\\.cjs/;
  show('stop', kill('STOP', $pid));
  my $handle = syscall(434, $pid, 0);
  for my $number (10 .. 30) { show('take', syscall(438, $handle, $number, 0) >= 0) }
}
socket(my $door, PF_UNIX, SOCK_STREAM, 0);
show('enter', connect($door, pack_sockaddr_un('/run/berth/guest.sock')));
show('replace', unlink('/run/berth/guest.sock'));
show('write state', open(my $g, '>', '/run/berth/state/x'));
show('log', open(my $h, '>>', '/proc/1/fd/1'));
`;

test('a gate cannot be answered by what it runs: every step of the forgery is refused, and the change stays out', async () => {
  const check = 'do "./work.pl"; open F, "<", "work.pl"; exit(grep(/fine/, <F>) ? 0 : 1);';
  const source = makeRepository(world.folder, 'forged', { 'check.pl': check, 'work.pl': 'print "fine\n"' });
  const workspace = await world.client.workspaces.create({
    repositories: [{ source }],
    setup: { commands: [] },
    gate: { commands: [{ name: 'work', run: 'perl check.pl 2>&1' }] },
  });
  const write = `cat > work.pl <<'END'\n${FORGERY}\nEND`;
  const { task } = await runTask(world.client, {
    workspaceId: workspace.id,
    agent: 'command',
    prompt: write,
  });
  expect(endOf(task).state).toBe('failed');
  expect(git(hubOf(workspace), 'log', '--format=%s', 'main')).toBe('Begin');
  const { rows: changes } = await world.client.changes.list({ taskId: task.id });
  const { evidence } = await world.client.gates.get({ id: changes[0]?.gateRunId ?? '' });
  const said = (evidence[0]?.logTail ?? '').trim().split('\n');
  expect(said.length).toBeGreaterThan(25);
  expect(said.filter((line) => !line.endsWith(': refused'))).toEqual([]);
}, 60_000);
