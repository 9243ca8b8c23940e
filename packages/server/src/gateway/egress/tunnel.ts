/**
 * A tunnel. The remote server's bytes pass immediately; the client's bytes wait until the first of them have named
 * the allowed host. For plain HTTP every request is checked, for TLS every hello.
 */
import type { Socket } from 'node:net';
import type { Duplex, Transform } from 'node:stream';
import type { Allowed } from './admission.ts';
import { type FirstBytes, readFirstBytes } from './first-bytes.ts';
import { judgeHellos } from './later-hellos.ts';
import { judgeRequests } from './plain-requests.ts';

export const openTunnel = (client: Duplex, allowed: Allowed): void => {
  const { socket } = allowed.open;
  const held: Buffer[] = [];
  let denied: string | undefined;
  let ended = false;
  const end = (): void => {
    if (ended) return;
    ended = true;
    clearTimeout(patience);
    client.destroy();
    socket.destroy();
    allowed.end({ sent: socket.bytesWritten, received: socket.bytesRead }, denied);
  };
  const deny = (reason: string): void => {
    denied = reason;
    end();
  };
  const patience = setTimeout(() => deny('the client sent nothing'), allowed.limits.helloTimeoutMs);

  for (const side of [client, socket]) side.on('error', end).on('close', end);
  if (client.destroyed) {
    end();
    return;
  }
  socket.setTimeout(allowed.limits.idleTimeoutMs, end);
  socket.pipe(client);

  const judge = (chunk: Buffer): void => {
    held.push(chunk);
    const bytes = Buffer.concat(held);
    const first = readFirstBytes(bytes);
    if (first.kind === 'more') return;
    const objection = objectionTo(first, allowed);
    if (objection !== undefined) {
      deny(objection);
      return;
    }
    clearTimeout(patience);
    client.off('data', judge);
    client.pause();
    const judged = judgeOf(first, allowed)?.on('error', (error) => deny(error.message));
    judged?.pipe(socket);
    const way = judged ?? socket;
    way.write(bytes);
    client.pipe(way);
  };
  client.on('data', judge);
};

const judgeOf = (first: FirstBytes, allowed: Allowed): Transform | undefined => {
  if (first.kind === 'tls') return judgeHellos((hello) => objectionTo(hello, allowed));
  if (first.kind !== 'http') return undefined;
  if (!allowed.portNamed) return judgeRequests(allowed.target.host);
  let taken: boolean | undefined;
  const judged = judgeRequests(allowed.target.host, () => taken);
  void firstLineOf(allowed.open.socket).then((line) => {
    taken = SWITCHED.test(line);
    // A client that has finished sending needs no more checks.
    if (judged.writable) judged.write('');
  });
  return judged;
};

const SWITCHED = /^HTTP\/1\.1 101[ \r]/;
const STATUS_BYTES = 'HTTP/1.1 101 '.length;

/** The start of the server's response, as it passes; never resolves when it sends nothing. */
const firstLineOf = async (socket: Socket): Promise<string> =>
  new Promise((resolve) => {
    let said = '';
    const read = (chunk: Buffer): void => {
      said += chunk.toString('latin1', 0, STATUS_BYTES);
      if (said.length < STATUS_BYTES) return;
      socket.off('data', read);
      resolve(said);
    };
    socket.on('data', read);
  });

/** Why these first bytes are not for the requested host. */
const objectionTo = (first: FirstBytes, { target, portNamed }: Allowed): string | undefined => {
  if (first.kind === 'unclear') return first.reason;
  if (first.kind === 'other' || first.kind === 'more') {
    return portNamed ? undefined : 'it speaks neither TLS nor HTTP';
  }
  if (first.kind === 'http' && target.port === 443) return 'it speaks plain HTTP on port 443';
  if (first.kind === 'tls' && target.port === 80) return 'it speaks TLS on port 80';
  if (first.host === undefined) {
    // A literal address has no server name; the policy lists this exact address.
    return target.literal && first.kind === 'tls' ? undefined : 'the client named no host';
  }
  return first.host === target.host ? undefined : `the client's request is for ${first.host}`;
};
