/** A host on the loopback that answers git, or takes connections and never says a word, as the test wants it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

export interface SilentRemote {
  readonly port: number;
  /** How many connections are answered from now on, before it falls silent. */
  answer(connections: number): void;
  /** Connections that wait for an answer now. */
  waiting(): number;
  end(): Promise<void>;
}

/** @param folder holds the repositories that it serves as `git://127.0.0.1:<port>/<name>` */
export const createSilentRemote = async (folder: string): Promise<SilentRemote> => {
  let answers = 0;
  const open = new Set<Socket>();
  const programs = new Set<ChildProcess>();
  const serve = (socket: Socket): void => {
    const program = spawn('git', ['daemon', '--inetd', '--export-all', `--base-path=${folder}`], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    programs.add(program);
    program.once('exit', () => programs.delete(program));
    program.stdin.on('error', () => socket.destroy());
    socket.pipe(program.stdin);
    program.stdout.pipe(socket);
  };
  const server = createServer((socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket)).on('error', () => socket.destroy());
    if (answers <= 0) return void socket.resume();
    answers -= 1;
    serve(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    answer: (connections) => {
      answers = connections;
    },
    waiting: () => open.size,
    end: async () => {
      for (const program of programs) program.kill('SIGKILL');
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
};
