/**
 * Parses a push before git sees it. Git gets the command list rebuilt from the parsed data, not the bytes that were
 * sent, so it cannot parse a different ref out of the same text.
 */

import { isCovered, isFullRef } from '../../git/refs.ts';
import { FLUSH, pktLine, readPkt, sideBand } from './pkt-line.ts';

export interface PushCommand {
  readonly from: string;
  readonly to: string;
  readonly ref: string;
}

export interface Push {
  readonly shallow: readonly string[];
  readonly commands: readonly PushCommand[];
  readonly capabilities: ReadonlySet<string>;
}

export type PushHead =
  | { readonly kind: 'push'; readonly push: Push; readonly bodyAt: number }
  /** The list is incomplete; parse again when this many bytes have arrived. */
  | { readonly kind: 'more'; readonly neededBytes: number }
  | { readonly kind: 'malformed'; readonly reason: string };

const MAX_PUSH_HEAD_BYTES = 256 * 2 ** 10;
const MAX_LINES = 200;
export const ABSENT = '0'.repeat(40);
/** Capabilities passed on to git; others are ignored. */
const KNOWN = /^(report-status|report-status-v2|side-band-64k|quiet|atomic|ofs-delta|object-format=sha1)$/;

/** Parses up to the flush that ends the list. `bodyAt` is the offset of the pack. */
export const parsePushHead = (bytes: Buffer): PushHead => {
  const lines: Line[] = [];
  let at = 0;
  for (;;) {
    const read = readPkt(bytes, at);
    if (read.kind === 'malformed') return { kind: 'malformed', reason: 'not a pkt-line' };
    if (read.kind === 'more') return wait(read.neededBytes);
    if (read.kind === 'flush') return { kind: 'push', push: pushOf(lines), bodyAt: read.next };
    const line = parseLine(read.payload);
    if (line === undefined) return { kind: 'malformed', reason: 'not a command' };
    if (lines.push(line) > MAX_LINES) return { kind: 'malformed', reason: 'too many commands' };
    at = read.next;
  }
};

/** Three quarters of a gigabyte of the smallest objects; a large `node_modules` has a tenth of it. */
export const MAX_PUSH_OBJECTS = 1_000_000;
const PACK_HEADER_BYTES = 12;
const OBJECTS_AT = 8;

export type PackHead =
  /** `bodyAt` is 0: git's input starts with these bytes. */
  | { readonly kind: 'pack'; readonly objects: number; readonly bodyAt: number }
  | { readonly kind: 'more'; readonly neededBytes: number }
  | { readonly kind: 'malformed'; readonly reason: string };

/** The object count in a pack's header, which git enforces. */
export const parsePackHead = (bytes: Buffer): PackHead => {
  if (bytes.length < PACK_HEADER_BYTES) return { kind: 'more', neededBytes: PACK_HEADER_BYTES };
  if (bytes.toString('latin1', 0, 4) !== 'PACK') return { kind: 'malformed', reason: 'not a pack' };
  return { kind: 'pack', objects: bytes.readUInt32BE(OBJECTS_AT), bodyAt: 0 };
};

const wait = (neededBytes: number): PushHead =>
  neededBytes > MAX_PUSH_HEAD_BYTES
    ? { kind: 'malformed', reason: 'the list is too long' }
    : { kind: 'more', neededBytes };

const pushOf = (lines: readonly Line[]): Push => ({
  shallow: lines.flatMap((line) => ('shallow' in line ? [line.shallow] : [])),
  commands: lines.flatMap((line) => ('command' in line ? [line.command] : [])),
  capabilities: new Set(lines.flatMap((line) => line.capabilities.filter((name) => KNOWN.test(name)))),
});

type Line = { capabilities: readonly string[] } & ({ shallow: string } | { command: PushCommand });

const parseLine = (payload: Buffer): Line | undefined => {
  const [text = '', features = '', ...rest] = payload.toString('utf8').replace(/\n$/, '').split('\0');
  if (rest.length > 0) return undefined;
  const capabilities = features.split(' ');
  const shallow = /^shallow ([0-9a-f]{40})$/.exec(text)?.[1];
  if (shallow !== undefined) return { shallow, capabilities };
  const command = /^([0-9a-f]{40}) ([0-9a-f]{40}) (.+)$/s.exec(text);
  if (command === null) return undefined;
  const [, from = '', to = '', ref = ''] = command;
  return { command: { from, to, ref }, capabilities };
};

export const encodePushHead = (push: Push): Buffer => {
  const lines = [
    ...push.shallow.map((commit) => `shallow ${commit}`),
    ...push.commands.map(({ from, to, ref }) => `${from} ${to} ${ref}`),
  ];
  const capabilities = [...push.capabilities].join(' ');
  const withCapabilities = push.shallow.length;
  return Buffer.concat([
    ...lines.map((line, index) => pktLine(index === withCapabilities ? `${line}\0${capabilities}` : line)),
    FLUSH,
  ]);
};

export interface Refusal {
  readonly ref: string;
  readonly reason: string;
}

/** The commands that a grant does not allow, each with the reason shown to the user. */
export const refusals = (push: Push, writeRefs: readonly string[]): Refusal[] =>
  push.commands.flatMap(({ ref, to }) => {
    if (!isFullRef(ref)) return [{ ref, reason: 'not a ref name' }];
    if (!isCovered(ref, writeRefs)) return [{ ref, reason: 'this token may not write this ref' }];
    if (to === ABSENT) return [{ ref, reason: 'refs cannot be deleted from here' }];
    return [];
  });

/** The response of a receive-pack that changed nothing, in the format that the client supports. */
export const refusalReport = (push: Push, refused: readonly Refusal[]): Buffer => {
  const reasons = new Map(refused.map(({ ref, reason }) => [ref, reason]));
  const status = push.commands.map(({ ref }) => {
    const shown = ref.replace(/[^\x21-\x7e]/g, '?');
    return pktLine(
      `ng ${shown} ${reasons.get(ref) ?? 'nothing is written because another ref was refused'}\n`,
    );
  });
  const report = Buffer.concat([pktLine('unpack ok\n'), ...status, FLUSH]);
  if (!push.capabilities.has('report-status') && !push.capabilities.has('report-status-v2')) return FLUSH;
  return push.capabilities.has('side-band-64k') ? Buffer.concat([sideBand(report), FLUSH]) : report;
};
