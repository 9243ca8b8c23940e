/**
 * Docker through its API, which is faster than its command line. The image is a static busybox; there is no network,
 * as in Berth's sandboxes. No daemon is started: a running one is used.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Contender } from './contest.ts';

const SOCKET = '/var/run/docker.sock';
const BUSYBOX = '/bin/busybox';
const IMAGE = 'berth-bench:busybox';

/** A string, the reason, when there is no Docker to compare with. */
export const openDocker = async (): Promise<Contender | string> => {
  const agent = new Agent({ keepAlive: true });
  const api = (method: string, path: string, body?: object | Buffer): Promise<string> =>
    ask({ agent, method, path, body });
  if (
    !(await api('GET', '/_ping').then(
      () => true,
      () => false,
    ))
  )
    return `no Docker daemon answers at ${SOCKET}, so Docker was not measured`;
  if (!existsSync(BUSYBOX)) return 'Docker was not measured: install busybox-static for its image';
  await api('POST', `/images/create?fromSrc=-&repo=berth-bench&tag=busybox`, imageTar());
  const exec = async (id: string): Promise<void> => {
    const request = { Cmd: ['/bin/true'], AttachStdout: true, AttachStderr: true };
    const { Id } = JSON.parse(await api('POST', `/containers/${id}/exec`, request));
    // Attached, so the response ends with the command.
    await api('POST', `/exec/${Id}/start`, { Detach: false, Tty: false });
  };
  return {
    name: 'docker',
    exec,
    start: async () => {
      const request = { Image: IMAGE, Cmd: ['/bin/sleep', '1000'], HostConfig: { NetworkMode: 'none' } };
      const { Id } = JSON.parse(await api('POST', '/containers/create', request));
      await api('POST', `/containers/${Id}/start`);
      await exec(Id);
      return Id;
    },
    remove: async (id) => void (await api('DELETE', `/containers/${id}?force=true`)),
    [Symbol.asyncDispose]: async () => {
      await api('DELETE', `/images/${IMAGE}?force=true`);
      agent.destroy();
    },
  };
};

const imageTar = (): Buffer => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-image-'));
  try {
    mkdirSync(join(folder, 'bin'));
    copyFileSync(BUSYBOX, join(folder, 'bin/busybox'));
    for (const name of ['true', 'sleep']) symlinkSync('busybox', join(folder, 'bin', name));
    return execFileSync('tar', ['-C', folder, '-c', 'bin'], { maxBuffer: 64 * 2 ** 20 });
  } finally {
    rmSync(folder, { recursive: true });
  }
};

interface Ask {
  readonly agent: Agent;
  readonly method: string;
  readonly path: string;
  readonly body: object | Buffer | undefined;
}

const ask = ({ agent, method, path, body }: Ask): Promise<string> =>
  new Promise((resolve, reject) => {
    const isTar = Buffer.isBuffer(body);
    const bytes = body === undefined || isTar ? body : Buffer.from(JSON.stringify(body));
    const headers = {
      'content-type': isTar ? 'application/x-tar' : 'application/json',
      'content-length': bytes?.length ?? 0,
    };
    const outgoing = request({ socketPath: SOCKET, agent, method, path, headers, timeout: 30_000 });
    outgoing.once('error', reject);
    outgoing.once('response', async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      const text = Buffer.concat(chunks).toString('utf8');
      const { statusCode = 0 } = response;
      if (statusCode < 400) resolve(text);
      else reject(new Error(`docker answered ${statusCode} to ${method} ${path}: ${text}`));
    });
    outgoing.end(bytes);
  });
