/** A running sandbox for the rest of the server: the `Sandbox` of plugin-api over connections to its guest. */
import type { Duplex } from 'node:stream';
import { fail, SandboxMetrics } from '@berth/contract';
import { GUEST_LIMITS, GUEST_PATHS } from '@berth/contract/guest';
import { type GuestFileChange, GuestHealth, type GuestPtyStart } from '@berth/contract/guest-messages';
import type { Sandbox } from '@berth/plugin-api';
import { createLink } from './channel/link.ts';
import { keepUplink, type UplinkHandler } from './channel/uplink.ts';
import { endCommands } from './exec/end-commands.ts';
import { attachProcess, startProcess } from './exec/process.ts';
import type { Containment } from './exec/process-address.ts';
import { runProcess } from './exec/run.ts';
import { openTerminal, type Terminal } from './exec/terminal.ts';
import { createFiles, watchFiles } from './files.ts';

export interface SandboxParts {
  readonly id: string;
  readonly root: string;
  readonly home: string;
  readonly internalUrl: string;
  /** A new raw connection to the guest: `driver.connect(id)`. */
  readonly connect: () => Promise<Duplex>;
  readonly groups?: Containment | undefined;
  /** If given, its uplink is open, and is reopened whenever it breaks, until `close`. */
  readonly uplink?: UplinkHandler | undefined;
  /** Of the guest, while a call is waiting for it; 30 s when absent. */
  readonly silenceMs?: number | undefined;
  readonly log?: ((message: string, facts: Record<string, unknown>) => void) | undefined;
}

export interface SandboxClient extends Sandbox {
  /** What the guest reports about itself; the cheapest way to check that it is there. */
  health(): Promise<GuestHealth>;
  /** Opens a terminal, or attaches to the one with this id. Rejects with `exec.not_startable`. */
  pty(start: GuestPtyStart): Promise<Terminal>;
  watch(path: string, signal: AbortSignal): AsyncIterable<GuestFileChange>;
  /** Closes the server's connections. What runs inside keeps running. */
  close(): void;
}

/**
 * Ports have a connection of their own, on which 64 streams that nobody reads fill the session's window of 4 MiB but
 * do not exceed it: they hold up neither commands nor each other.
 */
const PORT_STREAM_BYTES = 65_536;

export const createSandboxClient = (parts: SandboxParts): SandboxClient => {
  const { id, root, home, internalUrl, connect, groups, uplink, silenceMs, log } = parts;
  const link = createLink({ id, connect, silenceMs });
  const ports = createLink({ id, connect, silenceMs, streamWindowBytes: PORT_STREAM_BYTES });
  const place = { id, link, groups };
  const kept =
    uplink === undefined ? undefined : keepUplink({ sandboxId: id, handler: uplink, connect, log });
  return {
    id,
    root,
    home,
    internalUrl,
    start: async (spec) => {
      checkExecId(spec.id);
      return startProcess(place, spec);
    },
    attach: async (execId) => {
      checkExecId(execId);
      return attachProcess(place, execId);
    },
    endCommands: (idPrefix) => endCommands(place, idPrefix),
    run: async (spec, signal) => {
      checkExecId(spec.id);
      return runProcess(place, spec, signal);
    },
    files: createFiles(place),
    metrics: () =>
      link.repeat((control) => control.json({ method: 'GET', path: GUEST_PATHS.metrics }, SandboxMetrics)),
    health: () =>
      link.repeat((control) => control.json({ method: 'GET', path: GUEST_PATHS.health }, GuestHealth)),
    pty: (start) => openTerminal(place, start),
    connectPort: (port, signal) => ports.once((control) => control.connectPort(port, signal)),
    watch: (path, signal) => watchFiles(place, path, signal),
    close: () => {
      kept?.close();
      link.close();
      ports.close();
    },
  };
};

const checkExecId = (execId: string): void => {
  if (execId.length >= 1 && execId.length <= GUEST_LIMITS.execIdLength && !execId.includes('\0')) return;
  const message = `must have 1 to ${GUEST_LIMITS.execIdLength} characters`;
  throw fail('request.invalid', { issues: [{ path: 'id', message }] });
};
