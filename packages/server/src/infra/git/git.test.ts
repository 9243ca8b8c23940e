import { expect, test } from 'vitest';
import { sealed } from '../../../test/git/sample.ts';
import { createGit } from './git.ts';

const git = createGit(sealed);

test('half an answer is no answer, unless it may be cut', async () => {
  await expect(git(['version'], { maxOutputBytes: 3 })).rejects.toMatchObject({
    code: 'git.failed',
    message: expect.stringContaining('more than 3 bytes'),
  });
  expect(await git(['version'], { maxOutputBytes: 3, cut: true })).toMatchObject({
    stdout: 'git',
    truncated: true,
  });
});
