// Reads the XML that AWS answers with: elements and text. Attributes are passed over, nothing is looked up.

export interface XmlElement {
  readonly name: string
  readonly children: readonly XmlElement[]
  /** Of an element without children. */
  readonly text: string
}

interface Open {
  readonly name: string
  readonly children: XmlElement[]
  text: string
}

/** Deeper than any answer: a guard against nonsense. */
const MAX_DEPTH = 64

/** The root element; undefined for what is no XML, or was cut off. */
export function readXml(xml: string): XmlElement | undefined {
  const root: Open = { name: '', children: [], text: '' }
  const open: Open[] = [root]
  for (const [, close, name = '', self, text] of xml.matchAll(TOKEN)) {
    const inner = open.at(-1)
    if (inner === undefined || open.length > MAX_DEPTH) return undefined
    if (text !== undefined) inner.text += unescaped(text)
    else if (close === '/') {
      if (open.length === 1 || inner.name !== name) return undefined
      open.pop()
    } else if (name !== '') {
      const element: Open = { name, children: [], text: '' }
      inner.children.push(element)
      if (self !== '/') open.push(element)
    }
  }
  return open.length === 1 ? root.children[0] : undefined
}

/** `<?…?>` and `<!…>`, then tags, then text. Names lose their prefix. */
const TOKEN = /<[?!][^>]*>|<(\/?)(?:[\w.-]+:)?([\w.-]+)(?:\s[^<>]*?)?(\/?)>|([^<]+)/g

/** The children of that name, of the only element at the end of the path. */
export function childrenOf(
  element: XmlElement | undefined,
  ...path: readonly string[]
): readonly XmlElement[] {
  const [name, ...rest] = path
  const found = element?.children.filter((child) => child.name === name) ?? []
  return rest.length === 0 ? found : found.flatMap((child) => childrenOf(child, ...rest))
}

/** The text at the end of the path; undefined when there is no such element. */
export function textOf(element: XmlElement | undefined, ...path: readonly string[]): string | undefined {
  return childrenOf(element, ...path)[0]?.text
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

function unescaped(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (all, hex, decimal, name) => {
    if (name !== undefined) return ENTITIES[name] ?? all
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
    return code <= 0x10ffff ? String.fromCodePoint(code) : all
  })
}
