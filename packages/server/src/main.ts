/**
 * The server, wired together in start-up order; closing is the reverse. The only place that reads the environment and
 * that knows which plugins exist.
 */
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import {
  ALLOW_ONCE,
  createCore,
  createIds,
  createLocalNotifier,
  createScope,
  type Log,
  pagesOf,
  type Store,
} from '@berth/core';
import type { AgentPlugin, DriverPlugin } from '@berth/plugin-api';
import { agents as agentRegistry } from '@berth/plugins/agents';
import { drivers as driverRegistry } from '@berth/plugins/drivers';
import { createAgents, createPackageFiles, modelProviders } from './agents/agents.ts';
import { type Config, loadConfig } from './config/config.ts';
import type { Plain } from './config/merge.ts';
import type { Registry } from './config/plugin-config.ts';
import { examine } from './doctor/doctor.ts';
import { openGateway } from './gateway/gateway.ts';
import { createCheckouts } from './git/checkouts/checkouts.ts';
import { createRepositoryCommands } from './git/checkouts/repository-commands.ts';
import { createHostGit } from './git/git.ts';
import { createHub } from './git/hub/hub.ts';
import { findGuestProgram } from './guest/program.ts';
import { checkHome, markHome } from './home/consistency.ts';
import { closeHome, DRIVERS_FOLDER, explainStartFailure, HUB_FOLDER, makeHome } from './home/home.ts';
import { createSandboxAccess } from './http/handlers/sandbox-access.ts';
import type { SystemParts } from './http/handlers/system.ts';
import { createHttpServer, type HttpServer, type Listening } from './http/server.ts';
import { createJudge } from './judging/judge.ts';
import { openDrivers } from './machines/drivers.ts';
import { createMachines, type ServerMachines } from './machines/machines.ts';
import { findProvisions } from './machines/provisions.ts';
import { createGrants, openInstallationKey } from './secrets/installation-key.ts';
import { openSqliteStore } from './store/sqlite-store.ts';
import { installationId } from './store/stored-settings.ts';
import { createHostProcesses } from './system/host-processes.ts';
import { systemClock as clock, sha256, systemRandom } from './system/system-clock.ts';
import { createLog } from './telemetry/log.ts';
import { VERSION } from './version.ts';

export interface StartOptions {
  /** Takes precedence over the environment, which takes precedence over the file. */
  readonly flags?: Plain | undefined;
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Called when an owner requests the stop through the API. */
  readonly onShutdown?: (() => void) | undefined;
  /** For tests that kill the process at a named point of a saga. */
  readonly crashPoint?: ((name: string) => void) | undefined;
}

export interface RunningServer extends Listening {
  readonly config: Config;
  /** Stops accepting work and leaves what is in progress for the next start. */
  close(): Promise<void>;
}

type Scope = ReturnType<typeof createScope>;

/** Rejects with `config.invalid`, `store.locked` and whatever else prevents the start; nothing is left open then. */
export const startServer = async (options: StartOptions = {}): Promise<RunningServer> => {
  const { flags, env = process.env, crashPoint, onShutdown } = options;
  const settings = await loadConfig({ env, flags, isRoot: process.getuid?.() === 0 });
  const { config } = settings;
  const log = createLog(config.logLevel);
  const scope = createScope();
  try {
    const opened = await openStore(config, scope, log);
    const services = await openServices({ ...opened, config, env, log, scope });
    const core = createCore({ ...opened, ports: services.ports, digest: sha256, log, crashPoint });
    // Concurrently: interrupted work may be waiting for a program.
    void scope.add('core', () => Promise.all([core.stop(), services.processes.close()]));
    const state = { working: false };
    const shutdown: SystemParts['shutdown'] = async ({ removeSandboxes }) => {
      state.working = false;
      if (removeSandboxes === true) await core.removeSandboxes();
      setImmediate(onShutdown ?? (() => void scope.close()));
    };
    const isWorking = () => state.working;
    const http = await openHttp({ ...opened, ...services, core, config, log, isWorking, shutdown });
    void scope.add('http', () => http.close());

    const listening = await http.listen();
    await core.start();
    await reopen(opened.store, services.machines, log);
    state.working = true;
    // Loaded before the first connection to a guest needs it.
    setImmediate(() => process.getBuiltinModule('node:http2'));
    log.info('server.started', { address: listening.address, home: config.home, version: VERSION });
    return { ...listening, config, close: () => scope.close() };
  } catch (error) {
    await scope.close();
    throw explainStartFailure(error, settings);
  }
};

/** The store and what is derived from it. */
const openStore = async (config: Config, scope: Scope, log: Log) => {
  await makeHome(config.home);
  const notifier = createLocalNotifier(log);
  const store = await openSqliteStore({ folder: config.home, clock, check: checkHome, notifier });
  void scope.add('store', () => store.close());
  await closeHome(config.home);
  const ids = createIds(clock, systemRandom);
  const installation = await installationId(store, ids);
  const grants = createGrants(await openInstallationKey(config.home));
  await markHome(config.home, store, installation);
  return { store, clock, ids, installation, grants, owner: ids.new('job') };
};

type StoreParts = Awaited<ReturnType<typeof openStore>>;
type ServiceOptions = StoreParts & { config: Config; env: NodeJS.ProcessEnv; log: Log; scope: Scope };

/** Everything outside that the core uses: repositories, machines with their uplinks, agents with their models. */
const openServices = async (parts: ServiceOptions) => {
  const { store, ids, installation, grants, config, env, log, scope } = parts;
  const newExecId = () => ids.new('exec');
  const hubFolder = join(config.home, HUB_FOLDER);
  const processes = createHostProcesses(log);
  void scope.add('processes', () => processes.close());
  const hostGit = createHostGit({ env, processes });
  const hub = createHub({ folder: hubFolder, git: hostGit.run });
  const gateway = await openGateway({ config, env, hubFolder, hostGit, store, clock, ids, grants, log });
  void scope.add('gateway', () => gateway.close());

  const tell = (level: keyof Log, event: string, facts = {}) => log[level](event, facts);
  const [drivers, provisions] = await Promise.all([
    openDrivers({
      // Every plugin checks its own configuration, so the registries may drop the types here.
      registry: driverRegistry as unknown as Registry<DriverPlugin>,
      config: config.drivers,
      defaultDrivers: config.defaultDrivers,
      trustedGateDrivers: config.defaults.trustedGateDrivers,
      folder: join(config.home, DRIVERS_FOLDER),
      host: { installation, guest: findGuestProgram(), log: tell },
    }),
    findProvisions({ env, registries: gateway.registries, execPath: process.execPath }),
  ]);
  const machines = createMachines({ drivers, provisions, uplink: gateway.uplink, log: log.debug });
  void scope.add('machines', () => machines.close());

  const providers = modelProviders(config.models);
  const agents = createAgents({
    defaultAgent: config.defaults.agent,
    registry: agentRegistry as unknown as Registry<AgentPlugin>,
    config: config.agents,
    host: { resolve: createPackageFiles(env), log: tell },
    providers,
    limits: config.turnLimits,
    toolPath: machines.toolPath,
  });
  const checkouts = createCheckouts({ hub, newExecId });
  const commands = createRepositoryCommands({ hub, newExecId });
  const judge = createJudge();
  void scope.add('judge', () => judge.close());
  const { defaults, retention } = config;
  const permissions = ALLOW_ONCE;
  const ports = { machines, hub, checkouts, grants, agents, judge, permissions, defaults, retention };
  return { ports, hub, git: hostGit.run, processes, drivers, machines, agents, providers, commands };
};

type Services = Awaited<ReturnType<typeof openServices>>;
type HttpParts = StoreParts &
  Services & { core: ReturnType<typeof createCore>; config: Config; log: Log } & {
    isWorking: () => boolean;
    shutdown: SystemParts['shutdown'];
  };

const openHttp = (parts: HttpParts): Promise<HttpServer> => {
  const { store, ids, config, log } = parts;
  const { workspaces, tasks, changes, queue, troubles } = parts.core;
  const sandboxes = createSandboxAccess({ ...parts, sandboxes: parts.core.sandboxes });
  const facts = {
    ...parts,
    defaultAgent: config.defaults.agent,
    modelProviders: parts.providers.map(({ name }) => name),
  };
  const system = { ...facts, queue, doctor: () => examine({ ...facts, troubles }) };
  const services = { ...parts, workspaces, tasks, changes, sandboxes, system };
  const dashboardFolder = dirname(fileURLToPath(import.meta.resolve('@berth/dashboard/dist/index.html')));
  return createHttpServer({ config, store, clock, ids, services, log, version: VERSION, dashboardFolder });
};

/**
 * What ran before the start keeps running, and gets its uplink back; a machine that is gone is left to the
 * reconciler.
 */
const reopen = async (store: Store, machines: ServerMachines, log: Log): Promise<void> => {
  for await (const page of pagesOf(store, { table: 'sandboxes', where: { state: 'running' } }))
    for (const { id, driver } of page)
      machines.open(driver, id).catch((error: unknown) => log.warn('sandbox.reopen', { sandbox: id, error }));
};
