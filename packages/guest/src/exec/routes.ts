/** Commands over the control connection. */
import { constants } from 'node:os';
import { GUEST_LIMITS, GUEST_PATHS } from '@berth/contract/guest';
import type { GuestExecStart } from '@berth/contract/guest-messages';
import { queryCount, queryText, type Route, readBody, readJson } from '../control.ts';
import { invalid } from '../refusal.ts';
import type { Command } from './command.ts';
import type { Commands } from './commands.ts';
import { type Cursors, follow } from './follow.ts';

export const execRoutes = (commands: Commands): Route[] => [
  {
    method: 'GET',
    path: GUEST_PATHS.execs,
    handle: () => ({ execs: commands.running().map((command) => command.describe()) }),
  },
  {
    method: 'POST',
    path: GUEST_PATHS.execs,
    handle: async ({ stream }) => {
      const start = await readJson<GuestExecStart>(stream);
      const command = await commands.start(start);
      return start.follow === true
        ? answerFrames(command, { stdout: 0, stderr: 0 }, stream)
        : command.describe();
    },
  },
  {
    method: 'GET',
    path: `${GUEST_PATHS.exec}*`,
    handle: async ({ names: [id = ''] }) => (await commands.get(id)).describe(),
  },
  {
    method: 'GET',
    path: `${GUEST_PATHS.exec}*/output`,
    handle: async ({ names: [id = ''], query, stream }) => {
      const from = { stdout: queryCount(query, 'stdout', 0), stderr: queryCount(query, 'stderr', 0) };
      return answerFrames(await commands.get(id), from, stream);
    },
  },
  {
    method: 'PUT',
    path: `${GUEST_PATHS.exec}*/input`,
    handle: async ({ names: [id = ''], query, stream }) => {
      const { input } = await commands.get(id);
      const offset = queryCount(query, 'offset', 0);
      await input.write(offset, await readBody(stream, GUEST_LIMITS.inputBytes));
      return { receivedBytes: input.receivedBytes };
    },
  },
  {
    method: 'POST',
    path: `${GUEST_PATHS.exec}*/close-input`,
    handle: async ({ names: [id = ''] }) => {
      await (await commands.get(id)).input.close();
      return {};
    },
  },
  {
    method: 'POST',
    path: `${GUEST_PATHS.exec}*/release`,
    handle: async ({ names: [id = ''] }) => {
      (await commands.get(id)).release();
      return {};
    },
  },
  {
    method: 'POST',
    path: `${GUEST_PATHS.exec}*/signal`,
    handle: async ({ names: [id = ''], query }) => {
      (await commands.get(id)).signal(signalName(queryText(query, 'name')));
      return {};
    },
  },
];

const answerFrames = (
  command: Command,
  from: Cursors,
  stream: Parameters<Route['handle']>[0]['stream'],
): undefined => {
  if (stream.destroyed) return;
  stream.respond({ ':status': 200, 'content-type': 'application/octet-stream' });
  follow(command, from, stream);
};

const signalName = (name: string): NodeJS.Signals => {
  if (!Object.hasOwn(constants.signals, name)) throw invalid('name', 'not a signal');
  return name as NodeJS.Signals; // It is a key of the system's signal table.
};
