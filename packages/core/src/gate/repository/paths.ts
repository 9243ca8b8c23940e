/** Paths of a repository: `a/b`, with folders as `a/` and the root as nothing. */

export const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/') + 1);
export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** Where a path leads that is meant from a folder. It begins with `../` when that is outside. */
export const joined = (folder: string, path: string): string => {
  const parts: string[] = [];
  for (const part of `${folder}${path}`.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else parts.push(part);
  }
  return parts[0] === '..' ? `${parts.join('/')}/` : parts.join('/');
};
