"""Which concept of ConceptNet stands for a class.

Candidates, in this order; the first with enough edges is taken:

1. the name, underscored: ``dining_table``;
2. lemmatised, as ConceptNet 4 writes concepts: ``dine_table``, ``park_meter``;
3. synonyms given for the class, then those of ``names.ALIASES``, each also lemmatised;
4. the head word, which is the last one: ``table``.

Where none has enough, the one with the most edges is taken if it has half of that, and marked so.
"""
import itertools
from dataclasses import dataclass
from typing import Dict, List, Mapping, Sequence

from .conceptnet import ConceptGraph
from .names import UnknownClassError, aliases, words

_SMALL_WORDS = {'a', 'an', 'the', 'of', 'for', 'and', 'to', 'in', 'on'}
_KINDS = ('name', 'lemma', 'synonym', 'head word')


@dataclass(frozen=True)
class ChosenConcept:
    """The concept that stands for a class, how it was found, and how many neighbours it has."""
    concept: str
    found_as: str
    edges: int


def lemmas(word: str) -> List[str]:
    """Forms under which ConceptNet 4 may file a word, the word itself first."""
    forms = [word]
    for ending in ('ing', 'ed'):
        stem = word[:-len(ending)]
        if word.endswith(ending) and len(stem) >= 3:
            forms += [stem, stem + 'e']
            if stem[-1] == stem[-2]:
                forms.append(stem[:-1])
    if word.endswith('ies') and len(word) > 4:
        forms.append(word[:-3] + 'y')
    elif word.endswith('es') and len(word) > 4:
        forms += [word[:-1], word[:-2]]
    elif word.endswith('s') and not word.endswith('ss') and len(word) > 3:
        forms.append(word[:-1])
    return list(dict.fromkeys(forms))


def candidates(name: str, synonyms: Sequence[str] = ()) -> Dict[str, str]:
    """Concepts to try for a class name -> which rule gave them, in order."""
    found: Dict[str, str] = {}
    names = [name, *synonyms, *aliases(name)]
    for number, spelling in enumerate(names):
        exact, *others = _spellings(words(spelling))
        first, second = ('name', 'lemma') if not number else ('synonym', 'synonym')
        found.setdefault(exact, first)
        for other in others:
            found.setdefault(other, second)
    for spelling in names:
        parts = words(spelling)
        if len(parts) > 1:
            for head in lemmas(parts[-1]):
                found.setdefault(head, 'head word')
    return found


def _spellings(parts: Sequence[str]) -> List[str]:
    kept = [part for part in parts if part not in _SMALL_WORDS] or list(parts)
    lemmatised = ['_'.join(forms) for forms in
                  itertools.islice(itertools.product(*map(lemmas, kept)), 64)]
    return list(dict.fromkeys(['_'.join(parts), *lemmatised]))


def choose_concepts(names: Sequence[str], graph: ConceptGraph, min_edges: int = 5,
                    synonyms: Mapping[str, Sequence[str]] = ()) -> Dict[str, ChosenConcept]:
    """Find the concept of each class.

    No two classes get the same one: who finds it by an earlier rule has it, and the others go on
    to their next candidate.

    Args:
        names: C class names.
        graph: concepts to choose from.
        min_edges: neighbours that a concept should have; half of it if there is no such concept.
        synonyms: class name -> more names to try.

    Raises:
        UnknownClassError: naming each class without a concept, what was tried and what it had.
    """
    synonyms = dict(synonyms)
    tried = {name: candidates(name, synonyms.get(name, ())) for name in names}
    degrees = {concept: graph.degree(concept) for table in tried.values() for concept in table}
    chosen: Dict[str, ChosenConcept] = {}
    taken = set()
    for kind in _KINDS:
        for name in names:
            if name in chosen:
                continue
            for concept, found_as in tried[name].items():
                if found_as == kind and degrees[concept] >= min_edges and concept not in taken:
                    chosen[name] = ChosenConcept(concept, kind, degrees[concept])
                    taken.add(concept)
                    break
    for name in names:
        free = [concept for concept in tried[name] if concept not in taken]
        best = max(free, key=degrees.__getitem__, default=None)
        if name not in chosen and best and degrees[best] >= max(min_edges / 2, 1):
            chosen[name] = ChosenConcept(best, f'{tried[name][best]} (few edges)', degrees[best])
            taken.add(best)
    lacking = [name for name in names if name not in chosen]
    if lacking:
        raise UnknownClassError(_lacking_message(lacking, tried, degrees, taken, min_edges))
    return {name: chosen[name] for name in names}


def _lacking_message(lacking, tried, degrees, taken, min_edges) -> str:
    lines = []
    for name in lacking:
        shown = ', '.join(f'{concept} ({"taken" if concept in taken else degrees[concept]})'
                          for concept in list(tried[name])[:8])
        lines.append(f'{name!r}: tried {shown}')
    return (f'no concept with {min_edges} edges, or half of that, for {len(lacking)} classes:\n  '
            + '\n  '.join(lines)
            + '\ngive another word for it in the class file ("name: synonym, synonym"), lower '
              '--min-edges, or use a larger ConceptNet')
