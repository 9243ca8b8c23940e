/** Files in a sandbox. Paths are absolute or relative to its root, and are resolved inside. */
import { z } from 'zod';
import { SandboxId } from './ids.ts';
import { route } from './kernel/route.ts';
import { LIVE_ERRORS } from './sandbox.ts';

export const FileEntry = z
  .object({
    name: z.string(),
    kind: z.enum(['file', 'folder', 'link', 'other']),
    sizeBytes: z.int(),
    mode: z.int(),
    modifiedAt: z.number(),
  })
  .meta({ id: 'FileEntry' });
export type FileEntry = z.infer<typeof FileEntry>;

const params = z.strictObject({ id: SandboxId });
const path = z.string().min(1).max(4096);
const errors = [...LIVE_ERRORS, 'file.missing', 'file.refused'] as const;

export const sandboxFileRoutes = [
  route({
    id: 'sandbox.listFiles',
    method: 'GET',
    path: '/v1/sandboxes/:id/files',
    params,
    query: z.strictObject({ path }),
    returns: z.object({ entries: z.array(FileEntry) }),
    role: 'viewer',
    errors,
    summary: 'List a folder',
  }),
  route({
    id: 'sandbox.readFile',
    method: 'GET',
    path: '/v1/sandboxes/:id/files/content',
    params,
    query: z.strictObject({ path }),
    returns: z.unknown(),
    answers: 'bytes',
    role: 'viewer',
    errors,
    summary: 'Read a file',
  }),
  route({
    id: 'sandbox.writeFile',
    method: 'PUT',
    path: '/v1/sandboxes/:id/files/content',
    params,
    query: z.strictObject({ path, mode: z.coerce.number().int().min(0).max(0o777).optional() }),
    bytesIn: true,
    returns: z.object({ sizeBytes: z.int() }),
    role: 'operator',
    errors: [...errors, 'disk.full'],
    summary: 'Write a file; missing parent folders are created',
  }),
  route({
    id: 'sandbox.makeFolder',
    method: 'POST',
    path: '/v1/sandboxes/:id/files/folders',
    params,
    body: z.strictObject({ path }),
    returns: z.object({}),
    role: 'operator',
    errors,
    summary: 'Create a folder and its missing parents',
  }),
  route({
    id: 'sandbox.renameFile',
    method: 'POST',
    path: '/v1/sandboxes/:id/files/rename',
    params,
    body: z.strictObject({ from: path, to: path }),
    returns: z.object({}),
    role: 'operator',
    errors,
    summary: 'Rename a file or folder',
  }),
  route({
    id: 'sandbox.removeFile',
    method: 'DELETE',
    path: '/v1/sandboxes/:id/files',
    params,
    query: z.strictObject({ path }),
    returns: z.object({}),
    role: 'operator',
    errors,
    summary: 'Remove a file or folder',
  }),
] as const;
