/** The labels at the left of the grid, with how many there are of each. */

import { useMemo, useState } from "preact/hooks";
import { usePage } from "../context";
import { labelOf, pathKey, pathWords } from "../labels";
import { VirtualList } from "../virtual";
import { countsOf } from "./counts";
import { leavesOf } from "./opening";

interface Row {
  key: string;
  path: string[] | null;
  depth: number;
  parent: boolean;
  count: number;
  words: string;
}

export function useClasses(folded: ReadonlySet<string>): Row[] {
  const { labels, project } = usePage();
  return useMemo(() => {
    const counts = countsOf(project?.labels ?? []);
    const named = labels.rows(folded).map(({ label: { path }, depth, parent, key }) => ({ key, path: [...path], depth, parent, count: counts.of.get(key) ?? 0, words: labelOf(path) }));
    // Labels in use that are not in the tree come after those that are.
    const loose = (project?.labels ?? []).filter(({ path }) => path.length && !labels.get(path)).map(({ path }) => ({ key: pathKey(path), path, depth: 0, parent: false, count: counts.of.get(pathKey(path)) ?? 0, words: pathWords(path) }));
    return [
      { key: "all", path: null, depth: 0, parent: false, count: counts.all, words: "All" },
      ...named,
      ...loose,
      { key: "none", path: [], depth: 0, parent: false, count: counts.unnamed, words: "No label" },
    ];
  }, [labels, project?.labels, folded]);
}

const UNFOLDED: ReadonlySet<string> = new Set();
const keyOf = (path: string[] | null) => (path === null ? "all" : path.length ? pathKey(path) : "none");

export function Classes() {
  const page = usePage();
  const { gallery } = leavesOf(page);
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const rows = useClasses(folded);
  const chosen = rows.findIndex(({ key }) => key === keyOf(gallery.asked.path));
  const [at, setAt] = useState(chosen);
  const fold = (key: string, yes: boolean) => {
    const next = new Set(folded);
    if (yes) next.add(key);
    else next.delete(key);
    setFolded(next);
  };
  const take = (index: number) => {
    const row = rows[index];
    if (row) void gallery.show({ path: row.path });
  };
  const current = rows[at];
  return (
    <nav class="ikg-classes" aria-label="Labels">
      <VirtualList
        id="ikg-class"
        role="tree"
        label="Labels"
        count={rows.length}
        active={at}
        rowHeight={30}
        onActive={setAt}
        onKey={(event) => {
          if (!current) return;
          if (event.key === "Enter" || event.key === " ") take(at);
          else if (event.key === "ArrowRight" && current.parent) fold(current.key, false);
          else if (event.key === "ArrowLeft" && current.parent && !folded.has(current.key)) fold(current.key, true);
          else return;
          event.preventDefault();
        }}
        attributes={(i) => ({
          "aria-level": rows[i]!.depth + 1,
          "aria-selected": i === chosen,
          "aria-label": `${rows[i]!.words}, ${rows[i]!.count}`,
          ...(rows[i]!.parent ? { "aria-expanded": !folded.has(rows[i]!.key) } : {}),
          onClick: () => {
            setAt(i);
            take(i);
          },
        })}
        row={(i) => {
          const { key, path, depth, parent, words } = rows[i]!;
          // Media without any mark are counted only where they are shown.
          const count = i === chosen && !gallery.loading ? gallery.count : rows[i]!.count;
          return (
            <>
              <span class="ika-fold" style={{ marginLeft: `${depth * 14}px` }} data-open={parent ? !folded.has(key) : undefined} onClick={(event) => {
                if (!parent) return;
                event.stopPropagation();
                fold(key, !folded.has(key));
              }} />
              {path?.length ? <i class="ika-color" style={{ background: page.labels.colorOf(path) }} /> : null}
              <span class="ika-row-name" title={path?.length ? pathWords(path) : words}>{words}</span>
              <span class="ik-number ik-muted ik-small">{count || ""}</span>
            </>
          );
        }}
        empty={null}
      />
    </nav>
  );
}

/** The same as one field, where there is no room for a list. */
export function ClassField() {
  const page = usePage();
  const { gallery } = leavesOf(page);
  const rows = useClasses(UNFOLDED);
  const chosen = keyOf(gallery.asked.path);
  return (
    <select class="ik-select ikg-class-field" aria-label="Label" value={chosen} onChange={(event) => void gallery.show({ path: rows.find(({ key }) => key === event.currentTarget.value)?.path ?? null })}>
      {rows.map(({ key, path, words, count }) => <option key={key} value={key} selected={key === chosen}>{`${path?.length ? pathWords(path) : words} (${key === chosen && !gallery.loading ? gallery.count : count})`}</option>)}
    </select>
  );
}
