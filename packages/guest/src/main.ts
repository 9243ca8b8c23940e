/** The program that runs in every sandbox. `GUEST_ENV` in the contract says how it is configured. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { GUEST_PATHS, GUEST_VERSION, READY_FILE } from '@berth/contract/guest';
import type { GuestHealth } from '@berth/contract/guest-messages';
import { type GuestConfig, readConfig } from './config.ts';
import { createControl, type Route } from './control.ts';
import { openDoor } from './door.ts';
import { createCommands } from './exec/commands.ts';
import { execRoutes } from './exec/routes.ts';

const main = async (config: GuestConfig): Promise<void> => {
  for (const folder of [config.root, config.home, config.state]) mkdirSync(folder, { recursive: true });
  const commands = createCommands({
    state: config.state,
    env: () => ({ ...config.env, HOME: config.home }),
    cwd: (path) => resolve(config.root, path ?? '.'),
  });
  const ports = { internalPort: 0, proxyPort: 0 };
  const health: Route = {
    method: 'GET',
    path: GUEST_PATHS.health,
    handle: (): GuestHealth => ({
      version: GUEST_VERSION,
      id: config.id,
      pid: process.pid,
      uptimeMs: Math.round(process.uptime() * 1000),
      ...ports,
      root: config.root,
      home: config.home,
      node: process.version,
      terminals: config.pty !== undefined,
    }),
  };
  const control = createControl([health, ...execRoutes(commands)], (_authority, stream) => stream.destroy());
  writeFileSync(join(config.state, READY_FILE), JSON.stringify({ pid: process.pid, ...ports }));
  await openDoor(config.socket, { control, uplink: (socket) => socket.destroy() });
};

const config = readConfig(process.env);
if (typeof config === 'string') {
  process.stderr.write(`berth guest: ${config}\n`);
  process.exitCode = 2;
} else await main(config);
