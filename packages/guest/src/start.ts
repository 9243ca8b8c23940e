/** Assembles the guest: server requests come in, requests of programs inside go up. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { GUEST_PATHS, GUEST_VERSION, INTERNAL_AUTHORITY, READY_FILE } from '@berth/contract/guest';
import type { GuestHealth } from '@berth/contract/guest-messages';
import { readMetrics } from './cgroup.ts';
import type { GuestConfig } from './config.ts';
import { createControl, type Route } from './control.ts';
import { createCommands } from './exec/commands.ts';
import { systemPath } from './exec/find-program.ts';
import { execRoutes } from './exec/routes.ts';
import { createPaths } from './files/paths.ts';
import { fileRoutes } from './files/routes.ts';
import { openListener } from './listener.ts';
import { listenInternal, listenProxy } from './outward/listeners.ts';
import { createUplink } from './outward/uplink.ts';
import { ptyRoutes } from './pty.ts';
import { tunnelTo } from './tunnel.ts';
import { createUser } from './user.ts';

export interface Guest {
  readonly internalPort: number;
  readonly proxyPort: number;
  /** Accepts no more connections. Commands and open connections continue. */
  close(): void;
}

/** Resolves when the guest accepts connections. */
export const startGuest = async (config: GuestConfig): Promise<Guest> => {
  for (const folder of [config.root, config.home, config.state]) mkdirSync(folder, { recursive: true });
  const user = createUser(config.user, config.state);
  for (const folder of [config.root, config.home]) user.give(folder, process.getgid?.());
  const uplink = createUplink();
  const [internal, proxy] = await Promise.all([
    listenInternal(uplink, config.internalPort),
    listenProxy(uplink, config.proxyPort),
  ]);
  const ports = { internalPort: internal.port, proxyPort: proxy.port };
  const env = commandEnv(config, proxy.port);
  const place = {
    user,
    env: () => env,
    cwd: (path: string | undefined) => resolve(config.root, path ?? '.'),
  };
  const systemEnv = { PATH: systemPath(config.path, config) };
  const control = createControl(
    [
      healthRoute(config, ports),
      { method: 'GET', path: GUEST_PATHS.metrics, handle: readMetrics },
      ...execRoutes(createCommands({ state: config.state, systemEnv: () => systemEnv, ...place })),
      ...fileRoutes(createPaths(config), user),
      ...ptyRoutes({ module: config.pty, ...place }),
    ],
    tunnelTo,
  );
  writeFileSync(join(config.state, READY_FILE), JSON.stringify({ pid: process.pid, ...ports }));
  const listener = await openListener(config.socket, { control, uplink: uplink.adopt });
  // Preloaded for the first connection and the first command.
  setImmediate(() => {
    process.getBuiltinModule('node:http2');
    user.prepare();
  });
  return {
    ...ports,
    close: () => {
      for (const part of [listener, internal, proxy, user]) part.close();
    },
  };
};

const healthRoute = (config: GuestConfig, ports: { internalPort: number; proxyPort: number }): Route => ({
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
});

/** Programs find the proxy by the usual variables; Node's own `fetch` only with an explicit flag. */
const commandEnv = (config: GuestConfig, proxyPort: number): Record<string, string> => {
  const proxy = `http://127.0.0.1:${proxyPort}`;
  const direct = `localhost,127.0.0.1,::1,${INTERNAL_AUTHORITY}`;
  return {
    http_proxy: proxy,
    https_proxy: proxy,
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    no_proxy: direct,
    NO_PROXY: direct,
    NODE_USE_ENV_PROXY: '1',
    ...config.env,
    HOME: config.home,
  };
};
