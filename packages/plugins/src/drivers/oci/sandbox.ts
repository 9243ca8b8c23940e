/** From a machine's specification to its container: what is mounted where, which environment, what runs. */
import { chown } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, type Limits } from '@berth/contract';
import {
  GUEST_ENV,
  guestCommand,
  guestEnvironment,
  INTERNAL_AUTHORITY,
  initCommand,
} from '@berth/contract/guest';
import type { GuestProgram, MachineSpec } from '@berth/plugin-api';
import { makeFolder } from '../../linux/system-program.ts';
import { type Folders, makeThrough } from './folders.ts';
import type { Identity } from './identity.ts';
import { type Base, CA_BUNDLE } from './rootfs/base.ts';
import { DISKS } from './rootfs/snapshots.ts';
import { type Container, guestOomScore, type Mount, overlay, shown, writable } from './runtime/bundle.ts';

export const ROOT = '/workspace';
export const HOME = '/home/agent';
export const INTERNAL_URL = `http://${INTERNAL_AUTHORITY}`;
export const RUN_FOLDER = 'run';
export const SOCKET_NAME = 'guest.sock';

const PROXY = 'http://127.0.0.1:3128';
const DIRECT = 'localhost,127.0.0.1,::1,berth.internal';
const NODE = '/opt/berth/bin/node';
const GUEST = '/opt/berth/guest/guest.cjs';
/** The two packages of the terminal module resolve each other as siblings in a `node_modules`. */
const PTY = '/opt/berth/guest/node_modules/@lydell';
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Berth's own Node, where no other is installed. */
const OWN_PATH = '/opt/berth/bin';
const TOOL_TARGET = /^\/opt\/berth\/(?!bin\/|guest\/)[A-Za-z0-9._@+-]+(\/[A-Za-z0-9._@+-]+)*$/;
/**
 * See `GUEST_ENV.user`: to switch to the user of commands, and to chown files to it. No others, above all none over
 * files.
 */
const GUEST_RIGHTS = ['CAP_SETUID', 'CAP_CHOWN'];
/** Its threads and those of its terminals (one each, at most `livePtys`), PID 1, and its new children. */
const GUEST_PIDS = 48;
const DEFAULT_PIDS = 4096;
const MAX_LAYERS = 32;

export interface Plan {
  readonly spec: MachineSpec;
  readonly containerId: string;
  readonly identity: Identity;
  readonly folder: string;
  readonly base: Base;
  /** The unpacked image; the host's system folders when absent. */
  readonly image: { readonly rootfs: string; readonly path: string | undefined } | undefined;
  readonly guest: GuestProgram;
  readonly folders: Folders;
  readonly at: (path: string) => string;
}

/** Creates the folders that the container will write to. */
export const makeDisks = async (folder: string, { root }: Identity): Promise<void> => {
  const own = async (path: string, mode: number): Promise<void> =>
    chown(await makeFolder(path, mode), root.uid, root.gid);
  // Private to the guest: its socket and the logs of commands.
  await own(join(folder, RUN_FOLDER), 0o700);
  for (const name of DISKS) {
    await makeThrough(join(folder, 'disk', name));
    // The guest chowns it to the user of commands, who may restrict it.
    await own(join(folder, 'disk', name, 'upper'), 0o711);
    await own(join(folder, 'disk', name, 'work'), 0o700);
  }
};

export const containerOf = (plan: Plan): Container => {
  const { spec, containerId, guest, identity } = plan;
  return {
    id: containerId,
    rootfs: plan.at(plan.image?.rootfs ?? plan.base.rootfs),
    // The guest ignores the last argument; it identifies the container in the process list.
    argv: initCommand(guestCommand(NODE, GUEST, containerId)),
    env: guestEnvironment(environment(plan), spec.env),
    user: {
      uid: 0,
      gid: identity.commands,
      capabilities: identity.single === undefined ? GUEST_RIGHTS : [],
    },
    limits: limitsOf(spec),
    oomScore: guestOomScore(),
    reservedPids: Math.min(GUEST_PIDS, Math.floor(limitsOf(spec).pids / 2)),
    mounts: [
      ...(plan.image === undefined ? plan.base.system.map((path) => shown(path, path)) : []),
      writable(plan.at(join(plan.folder, RUN_FOLDER)), '/run/berth'),
      ...diskMounts(plan),
      shown(guest.node, NODE),
      shown(guest.bundle, GUEST),
      ...(guest.pty === undefined ? [] : [shown(guest.pty, PTY)]),
      ...spec.tools.map(({ source, target }) => shown(source, checkedTarget(target))),
    ],
  };
};

export const limitsOf = ({ limits }: MachineSpec): Limits & { readonly pids: number } => ({
  ...limits,
  pids: limits.pids ?? DEFAULT_PIDS,
});

/** Without layers the disk is a plain folder, which is faster than an overlay over nothing. */
const diskMounts = ({ spec, folder, folders, at }: Plan): Mount[] => {
  if (spec.layers.length > MAX_LAYERS)
    throw fail('driver.failed', { driver: 'oci', act: 'create', detail: `more than ${MAX_LAYERS} layers` });
  const highestFirst = [...spec.layers].reverse();
  return DISKS.map((name) => {
    const disk = at(join(folder, 'disk', name));
    const inside = name === 'workspace' ? ROOT : HOME;
    return highestFirst.length === 0
      ? writable(join(disk, 'upper'), inside)
      : overlay(
          highestFirst.map((layer) => at(join(folders.layers, layer, name))),
          disk,
          inside,
        );
  });
};

const checkedTarget = (target: string): string => {
  if (TOOL_TARGET.test(target) && !target.split('/').includes('..')) return target;
  throw fail('driver.failed', {
    driver: 'oci',
    act: 'create',
    detail: `a tool cannot be mounted at ${target}; choose a plain path below /opt/berth`,
  });
};

const environment = ({ spec: { id, path = [] }, identity, image, guest }: Plan): Record<string, string> => ({
  // What commands can write to comes last: a program planted there must not be found in place of another.
  PATH: [...path, image?.path ?? SYSTEM_PATH, OWN_PATH, `${HOME}/.local/bin`].join(':'),
  HOME,
  USER: 'agent',
  LANG: 'C.UTF-8',
  http_proxy: PROXY,
  https_proxy: PROXY,
  HTTP_PROXY: PROXY,
  HTTPS_PROXY: PROXY,
  no_proxy: DIRECT,
  NO_PROXY: DIRECT,
  NODE_EXTRA_CA_CERTS: CA_BUNDLE,
  SSL_CERT_FILE: CA_BUNDLE,
  [GUEST_ENV.socket]: `/run/berth/${SOCKET_NAME}`,
  [GUEST_ENV.state]: '/run/berth/state',
  [GUEST_ENV.root]: ROOT,
  [GUEST_ENV.home]: HOME,
  [GUEST_ENV.id]: id,
  ...(identity.single === undefined ? { [GUEST_ENV.user]: String(identity.commands) } : {}),
  ...(guest.pty !== undefined ? { [GUEST_ENV.pty]: `${PTY}/node-pty` } : {}),
});
