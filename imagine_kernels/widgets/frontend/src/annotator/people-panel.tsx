/** Who works here, and how far it is: counts per person, label and day. */

import { useEffect } from "preact/hooks";
import { run } from "./commands";
import { Key, usePage } from "./context";
import { pathKey } from "./labels";
import { ROLE_WORDS, authorName } from "./words";

const MOST = 30;

export function PeoplePanel() {
  const page = usePage();
  const { project, statistics } = page;
  useEffect(() => {
    void page.count();
  }, []);
  if (!project) return null;
  const labels = (statistics?.labels ?? project.labels).map(({ path, counts }) => ({ path, n: Object.values(counts).reduce((sum, n) => sum + n, 0) })).sort((a, b) => b.n - a.n);
  return (
    <div class="ika-form">
      <section>
        <h3>Who may do what</h3>
        <ul class="ika-people">
          {project.people.map(({ who, role }) => (
            <li key={who}><span>{who.replace(/^user:/, "").replace(/^group:/, "group ")}</span> <span class="ik-chip">{role}</span></li>
          ))}
        </ul>
        <p class="ik-small ik-muted">You are {project.person}: {ROLE_WORDS[project.role]}.</p>
        <button class="ik-button" data-act="quality" onClick={() => run(page, "quality")}>How far do they agree? <Key of="quality" page={page} /></button>
      </section>
      {!statistics && <div class="ik-skeleton" style={{ height: "120px" }} />}
      {statistics && (
        <>
          <Bars title="Annotations per person" rows={statistics.people.map(({ name, annotations, reviewed }) => ({ name: authorName(name), n: annotations, note: reviewed ? `${reviewed} looked at` : "" }))} />
          <Bars title="Annotations per label" rows={labels.slice(0, MOST).map(({ path, n }) => ({ key: pathKey(path), name: path.at(-1) ?? "no label", n, note: "", color: page.labels.colorOf(path) }))} />
          {labels.length > MOST && <p class="ik-small ik-muted">and {labels.length - MOST} more labels</p>}
          <Bars title="Annotations per day" rows={statistics.days.slice(-14).map(({ day, annotations }) => ({ name: day, n: annotations, note: "" }))} />
        </>
      )}
    </div>
  );
}

function Bars({ title, rows }: { title: string; rows: { key?: string; name: string; n: number; note: string; color?: string }[] }) {
  const most = rows.reduce((top, { n }) => Math.max(top, n), 1);
  return (
    <section>
      <h3>{title}</h3>
      {rows.length ? (
        <table class="ika-bars">
          <tbody>
            {rows.map(({ key, name, n, note, color }) => (
              <tr key={key ?? name}>
                <th scope="row" title={note}>{name}{note && <span class="ik-muted ik-small"> {note}</span>}</th>
                <td class="ik-number">{n}</td>
                <td aria-hidden="true"><span class="ika-bar" style={{ width: `${(100 * n) / most}%`, ...(color ? { background: color } : {}) }} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        <p class="ik-small ik-muted">Nothing yet.</p>
      )}
    </section>
  );
}
