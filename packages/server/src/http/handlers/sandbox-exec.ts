/** Commands in a sandbox, between HTTP and the guest channel. */
import { type ExecPart, type ExecRequest, type ExecResult, fail } from '@berth/contract';
import type { ExecChunk, ExecSpec, Sandbox } from '@berth/plugin-api';

interface Run {
  readonly id: string;
  readonly request: ExecRequest;
  readonly signal: AbortSignal;
}

export const runExec = async (sandbox: Sandbox, { id, request, signal }: Run): Promise<ExecResult> => {
  const { cwd, env, timeoutMs, stdin, background } = request;
  const spec: ExecSpec = { id, argv: argvOf(request), cwd, env, timeoutMs, keep: 'tail' };
  if (background) {
    await startInBackground(sandbox, spec, stdin);
    return { execId: id, stdout: '', stderr: '', truncated: false, durationMs: 0 };
  }
  const {
    exitCode,
    signal: killedBy,
    timedOut,
    outOfMemory,
    stdout,
    stderr,
    truncated,
    durationMs,
  } = await sandbox.run({ ...spec, stdin }, signal);
  const ended = { exitCode, timedOut, outOfMemory, ...(killedBy === undefined ? {} : { signal: killedBy }) };
  return { execId: id, ...ended, stdout, stderr, truncated, durationMs };
};

/** The output as text. Characters split across two chunks are joined. */
export async function* followExec(chunks: AsyncIterable<ExecChunk>): AsyncGenerator<ExecPart> {
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  for await (const chunk of chunks) {
    if (chunk.kind === 'output') {
      const { kind, stream, cursor, bytes } = chunk;
      yield { kind, stream, cursor, text: decoders[stream].decode(bytes, { stream: true }) };
    } else if (chunk.kind === 'lagged') {
      yield chunk;
    } else {
      const { exitCode, signal, timedOut, outOfMemory } = chunk.exit;
      yield { kind: 'exit', exitCode, timedOut, outOfMemory, ...(signal === undefined ? {} : { signal }) };
    }
  }
}

const startInBackground = async (
  sandbox: Sandbox,
  spec: ExecSpec,
  stdin: string | undefined,
): Promise<void> => {
  const process = await sandbox.start(spec);
  if (stdin !== undefined) await process.write(0, Buffer.from(stdin));
  await process.closeInput();
};

const argvOf = ({ argv, shell }: ExecRequest): [string, ...string[]] => {
  const [program, ...rest] = argv ?? [];
  if (program !== undefined && shell === undefined) return [program, ...rest];
  if (program === undefined && shell !== undefined) return ['/bin/sh', '-c', shell];
  const message = 'must have either argv or shell';
  throw fail('request.invalid', { issues: [{ path: 'body.argv', message }] });
};
