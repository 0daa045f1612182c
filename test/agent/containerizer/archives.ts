// Archives as an attacker would write them: no tool makes these by itself.

export interface Member {
  readonly name: string
  readonly text?: string
  /** Of a link: where it leads. */
  readonly link?: string
  /** As in the header of a tar: `0` a file, `1` a hard link, `2` a symbolic link, `3` a device, `5` a directory. */
  readonly type?: '0' | '1' | '2' | '3' | '5'
  readonly mode?: number
}

export function tarOf(members: readonly Member[]): Buffer {
  const blocks = members.flatMap(({ name, text = '', link = '', type = '0', mode = 0o644 }) => {
    const header = Buffer.alloc(512)
    const octal = (value: number, length: number) => value.toString(8).padStart(length - 1, '0')
    header.write(name, 0)
    header.write(octal(mode, 8), 100)
    header.write(octal(0, 8), 108)
    header.write(octal(0, 8), 116)
    header.write(octal(Buffer.byteLength(text), 12), 124)
    header.write(octal(0, 12), 136)
    header.write('        ', 148)
    header.write(type, 156)
    header.write(link, 157)
    header.write('ustar\u000000', 257)
    header.write(octal(1, 8), 329)
    header.write(octal(3, 8), 337)
    const sum = header.reduce((total, byte) => total + byte, 0)
    header.write(`${octal(sum, 7)}\0 `, 148)
    const content = Buffer.alloc(Math.ceil(Buffer.byteLength(text) / 512) * 512)
    content.write(text)
    return [header, content]
  })
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}

/** Without compression. */
export function zipOf(members: readonly Member[]): Buffer {
  const locals: Buffer[] = []
  const central: Buffer[] = []
  let offset = 0
  for (const { name, text, link, mode = 0o644 } of members) {
    const content = Buffer.from(link ?? text ?? '')
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt32LE(crc32(content), 10)
    common.writeUInt32LE(content.length, 14)
    common.writeUInt32LE(content.length, 18)
    common.writeUInt16LE(Buffer.byteLength(name), 22)
    const local = Buffer.concat([Buffer.from('PK\u0003\u0004'), common, Buffer.from(name), content])
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE((((link === undefined ? 0o100000 : 0o120000) | mode) << 16) >>> 0, 6)
    tail.writeUInt32LE(offset, 10)
    const madeBy = Buffer.from([20, 3])
    central.push(Buffer.concat([Buffer.from('PK\u0001\u0002'), madeBy, common, tail, Buffer.from(name)]))
    locals.push(local)
    offset += local.length
  }
  const directory = Buffer.concat(central)
  const end = Buffer.alloc(22)
  end.write('PK\u0005\u0006')
  end.writeUInt16LE(members.length, 8)
  end.writeUInt16LE(members.length, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...locals, directory, end])
}

function crc32(data: Buffer): number {
  let crc = 0xffffffff
  for (const byte of data) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? 0xedb88320 : 0)
  }
  return (crc ^ 0xffffffff) >>> 0
}
