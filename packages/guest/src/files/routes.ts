/** Files over the control connection. */
import type { ServerHttp2Stream } from 'node:http2';
import { pipeline } from 'node:stream/promises';
import { GUEST_LIMITS, GUEST_PATHS } from '@berth/contract/guest';
import { type GuestRequest, queryCount, queryText, type Route } from '../control.ts';
import type { CommandUser } from '../user.ts';
import { listFolder, makeFolder, openFile, removeEntry, renameEntry, statEntry, writeFile } from './files.ts';
import { failure, type Paths } from './paths.ts';
import { watchFolder } from './watch.ts';

export const fileRoutes = (paths: Paths, user: CommandUser): Route[] => [
  on('GET', GUEST_PATHS.content, async (path, { query, stream }) => {
    const maxBytes = Math.min(queryCount(query, 'maxBytes', GUEST_LIMITS.fileBytes), GUEST_LIMITS.fileBytes);
    await send(openFile(paths.target(path), maxBytes, user), stream);
    return undefined;
  }),
  on('PUT', GUEST_PATHS.content, async (path, { query, stream }) => {
    const mode = query.has('mode') ? queryCount(query, 'mode', 0) & 0o777 : undefined;
    const chunks = stream as AsyncIterable<Buffer>;
    return { sizeBytes: await writeFile(paths.entry(path), { chunks, mode }, user) };
  }),
  on('GET', GUEST_PATHS.list, (path) => ({ entries: user.as(() => listFolder(paths.target(path))) })),
  on('GET', GUEST_PATHS.stat, (path) => user.as(() => statEntry(paths.entry(path)))),
  on('POST', GUEST_PATHS.folder, (path) => {
    user.as(() => makeFolder(paths.entry(path)));
    return {};
  }),
  on('POST', GUEST_PATHS.remove, async (path, { stream }) => {
    await removeEntry(paths.entry(path), () => !stream.destroyed, user);
    return {};
  }),
  on('GET', GUEST_PATHS.watch, (path, { stream }) => {
    watchFolder(paths.target(path), user, () => {
      stream.respond({ ':status': 200, 'content-type': 'application/x-ndjson' });
      return stream;
    });
    return undefined;
  }),
  {
    method: 'POST',
    path: GUEST_PATHS.rename,
    handle: ({ query }) => {
      const [from, to] = [queryText(query, 'from'), queryText(query, 'to')];
      try {
        user.as(() => renameEntry(paths.entry(from), paths.entry(to)));
      } catch (error) {
        throw failure(from, error);
      }
      return {};
    },
  },
];

/** At the reader's pace. A failure after the first chunk aborts the response, which signals it. */
const send = async (pieces: AsyncGenerator<Buffer>, stream: ServerHttp2Stream): Promise<void> => {
  const first = await pieces.next();
  if (stream.destroyed) return void (await pieces.return(undefined));
  stream.respond({ ':status': 200 });
  const all = async function* (): AsyncGenerator<Buffer> {
    if (first.done !== true) yield first.value;
    yield* pieces;
  };
  pipeline(all, stream).catch(() => stream.destroy());
};

type Act = (path: string, request: GuestRequest) => Promise<object | undefined> | object | undefined;

/** A route whose query names one path; system errors become refusals. */
const on = (method: string, path: string, act: Act): Route => ({
  method,
  path,
  handle: async (request) => {
    const named = queryText(request.query, 'path');
    try {
      return await act(named, request);
    } catch (error) {
      throw failure(named, error);
    }
  },
});
