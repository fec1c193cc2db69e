/** CHANGELOG.md as Keep a Changelog has it. Pure. */

const UNRELEASED = /^## \[Unreleased\]\n([\s\S]*?)(?=^## \[|(?![\s\S]))/m;

/** What has been noted since the last release; empty when nothing. Throws without that heading. */
export function unreleased(changelog: string): string {
  const [, notes] = UNRELEASED.exec(changelog) ?? [];
  if (notes === undefined) throw new Error('CHANGELOG.md has no heading "## [Unreleased]"');
  return notes.replace(/^#+ .*$/gm, '').trim() === '' ? '' : notes.trim();
}

/** The changelog with what is unreleased under `version` and its date, and an empty heading for what comes next. */
export function withRelease(changelog: string, version: string, date: string): string {
  const notes = unreleased(changelog);
  return changelog
    .replace(UNRELEASED, () => `## [Unreleased]\n\n## [${version}] - ${date}\n\n${notes}\n\n`)
    .trimEnd()
    .concat('\n');
}
