/** Files that a line has something obey without running them itself, wherever they lie. */
import { expect, test } from 'vitest';
import { type Files, weakened } from '../../../testing/judge-trial.ts';

const SCRIPT: Files = { 'src/x': 'npm test', 'src/a.js': '1', 'src/list': 'a' };
const by = (script: string, more: Files = {}): [string, Files] => [
  'sh all.sh',
  { ...SCRIPT, 'all.sh': script, ...more },
];
const line = (text: string, more: Files = {}): [string, Files] => [text, { ...SCRIPT, ...more }];

test.each<[string, [string, Files], string]>([
  ['standard input', line('sh < src/x'), 'src/x'],
  ['standard input behind an option', line('bash -e <src/x'), 'src/x'],
  ['a file that is read in', line('. src/x && go'), 'src/x'],
  ['a file that is read in by a path', line('. ./src/x; go'), 'src/x'],
  ['a pipe', line('cat src/x | sh'), 'src/x'],
  ['a program in a pipe', line('node src/a.js | bash'), 'src/a.js'],
  ['patterns that are looked for', line('! grep -rf src/list app'), 'src/list'],
  ['patterns of grep', line('! grep -E --file=src/list -r app'), 'src/list'],
  ['patterns of ripgrep', line('! rg -f src/list app'), 'src/list'],
  ['arguments', line('xargs -a src/list npx eslint'), 'src/list'],
  ['arguments by their long name', line('xargs --arg-file=src/list npx eslint'), 'src/list'],
  ['arguments on standard input', line('xargs npx eslint < src/list'), 'src/list'],
  ['arguments in a file', line('javac @src/list'), 'src/list'],
  ['a list of tests', line('npx mocha $(cat src/list)'), 'src/list'],
  ['a line that goes on', by('sh \\\n  -e \\\n  src/x\n'), 'src/x'],
  ['a list in a line that goes on', by('! grep -r \\\n  -f \\\n  src/list \\\n  app\n'), 'src/list'],
  [
    'a recipe that goes on',
    ['make t', { ...SCRIPT, Makefile: 't:\n\tsh \\\n\t  -e \\\n\t  src/x\n' }],
    'src/x',
  ],
  ['a line of the gate that goes on', line('sh \\\n -e \\\n src/x'), 'src/x'],
  ['shell in a heredoc', by('sh -e <<EOF\nsh src/x\nEOF\n'), 'src/x'],
  [
    'code in a heredoc',
    by("node - <<'EOF'\nrequire('./lint-all.js');\nEOF\n", { 'lint-all.js': '1' }),
    'lint-all.js',
  ],
  [
    'Python in a heredoc',
    by('python3 <<PY\nimport checks.all\nPY\n', { 'checks/all.py': '1' }),
    'checks/all.py',
  ],
  [
    'a heredoc of the gate',
    line("python3 - <<'EOF'\nexec(open('ops/x.py').read())\nEOF", { 'ops/x.py': '1' }),
    'ops/x.py',
  ],
  ['a script that a heredoc makes', by("cat > /tmp/x.sh <<'EOF'\nsh src/x\nEOF\nsh /tmp/x.sh\n"), 'src/x'],
  [
    'code in quotes over several lines',
    line('node -e \'\nrequire("./lint-all.js")\n\'', { 'lint-all.js': '1' }),
    'lint-all.js',
  ],
])('%s waits', async (_, [text, was], path) => {
  expect(await weakened(text, was, { ...was, [path]: 'true' })).toEqual([`script_changed ${path}`]);
});

test.each<[string, string, Files, string]>([
  [
    'a version',
    'go build -ldflags "-X v=$(cat src/VERSION)"',
    { ...SCRIPT, 'src/VERSION': '1' },
    'src/VERSION',
  ],
  ['what is sent', 'curl -d @src/list http://localhost', SCRIPT, 'src/list'],
  ['a file that is searched', 'grep -q a src/list', SCRIPT, 'src/list'],
  ['a file that is counted', 'test "$(wc -l < src/list)" -gt 0', SCRIPT, 'src/list'],
  ['what a product reads', 'node src/a.js < src/list', SCRIPT, 'src/list'],
  [
    'what a heredoc tries',
    'sh all.sh',
    {
      ...SCRIPT,
      'src/calc.py': '1',
      'all.sh': 'python3 - <<EOF\nfrom src.calc import add\nassert add(1, 2) == 3\nEOF\n',
    },
    'src/calc.py',
  ],
  ['an e-mail address', 'git log --author @src/list.com', { ...SCRIPT, 'src/b.js': '1' }, 'src/b.js'],
])('%s waits for nobody (`%s`)', async (_, text, was, path) => {
  expect(await weakened(text, was, { ...was, [path]: '2' })).toEqual([]);
});
