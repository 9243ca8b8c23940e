/** Python's lists of requirements: whether they name packages alone, or also what lies in the repository. */

/** Another list is an input of its own when its name says that it is one. */
const OTHER_LIST =
  /^(?:-r|-c|--requirement|--constraint)[ =](?![/~$])[\w./-]*(?:requirements|constraints)[\w.-]*\.(?:txt|in)$/;
const OPTION =
  /^(?:-i|--index-url|--extra-index-url|--trusted-host|--only-binary|--no-binary|--prefer-binary|--require-hashes|--pre)(?:[ =](?!file:|[./~])\S+)?$/;
/** A name with versions, hashes and conditions, or with the address that it is fetched from. */
const PACKAGE =
  /^[A-Za-z0-9][A-Za-z0-9._-]*(?:\[[\w., -]*\])?\s*(?:@ *(?:https|git\+https|git\+ssh):\S+|[(<>=!~][^/\\]*)?(?:;[^/\\]*)?(?:\s--hash=\S+)*$/;

/** As Python splits lines. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they end lines there.
const LINE_END = /[\r\n\v\f\u001c-\u001e\u0085\u2028\u2029]/;

export const isPlainRequirementList = (text: string): boolean =>
  text
    .replace(/\\\r?\n/g, ' ')
    .split(LINE_END)
    .map((line) => line.replace(/(?:^|\s)#.*$/, '').trim())
    .every((line) => line === '' || OTHER_LIST.test(line) || OPTION.test(line) || PACKAGE.test(line));
