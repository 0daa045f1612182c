// Looks up the user a task runs as: by name to numbers, because a static shim cannot ask the machine's directory.
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

export interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
  /** Supplementary groups, without the primary one. */
  readonly groups: readonly number[]
}

export interface AccountFiles {
  readonly passwd: string
  readonly group: string
}

const systemFiles: AccountFiles = { passwd: '/etc/passwd', group: '/etc/group' }

/** undefined when nobody is called so. First the files, then, for accounts kept elsewhere (LDAP), `getent`. */
export async function findAccount(
  name: string,
  files: AccountFiles = systemFiles,
): Promise<Account | undefined> {
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?$/.test(name)) return undefined
  const line = lineOf(await textOf(files.passwd), name) ?? lineOf(await ask('getent', ['passwd', name]), name)
  const [, , uid, gid] = line?.split(':') ?? []
  if (!isId(uid) || !isId(gid)) return undefined
  const groups = new Set(groupsNaming(await textOf(files.group), name))
  if (lineOf(await textOf(files.passwd), name) === undefined) {
    for (const id of (await ask('id', ['-G', name])).trim().split(' ')) if (isId(id)) groups.add(Number(id))
  }
  groups.delete(Number(gid))
  return { name, uid: Number(uid), gid: Number(gid), groups: [...groups] }
}

function lineOf(text: string, name: string): string | undefined {
  return text.split('\n').find((line) => line.startsWith(`${name}:`))
}

function groupsNaming(text: string, name: string): number[] {
  return text
    .split('\n')
    .map((line) => line.split(':'))
    .filter(([, , id, members]) => isId(id) && (members ?? '').trim().split(',').includes(name))
    .map(([, , id]) => Number(id))
}

function isId(text: string | undefined): text is string {
  return text !== undefined && /^\d+$/.test(text)
}

async function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}

async function ask(program: string, args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)(program, args, { timeout: 10_000 })).stdout
  } catch {
    return ''
  }
}

export interface AccountNames {
  /** The number itself where there is no name. */
  user(uid: number): string
  group(gid: number): string
}

/** Names as `ls` shows them; only of accounts that are in the machine's files. */
export async function accountNames(files: AccountFiles = systemFiles): Promise<AccountNames> {
  const [users, groups] = await Promise.all([files.passwd, files.group].map(namesById))
  return {
    user: (uid) => users?.get(String(uid)) ?? String(uid),
    group: (gid) => groups?.get(String(gid)) ?? String(gid),
  }
}

async function namesById(path: string): Promise<ReadonlyMap<string, string>> {
  const lines = (await textOf(path)).split('\n').map((line) => line.split(':'))
  // The first line of a number counts.
  return new Map(lines.reverse().map(([name = '', , id = '']) => [id, name]))
}
