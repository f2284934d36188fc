/*
 * What the change feed knows by its uuid: see feed_private.h.
 */

#include "feed_private.h"


static void ehr_feed_named_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel);


static ngx_rbtree_key_t
ehr_feed_key(const ehr_uuid_t *id)
{
    return ngx_murmur_hash2((u_char *) id->bytes, sizeof(ehr_uuid_t));
}


void
ehr_feed_named_init(ehr_feed_t *feed, ngx_rbtree_t *tree)
{
    ngx_rbtree_init(tree, &feed->named_sentinel, ehr_feed_named_insert);
}


static void
ehr_feed_named_insert(ngx_rbtree_node_t *temp, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel)
{
    int                   less;
    ngx_rbtree_node_t   **link;

    for ( ;; ) {
        less = node->key < temp->key
               || (node->key == temp->key
                   && ngx_memcmp(&((ehr_feed_named_t *) node)->id,
                                 &((ehr_feed_named_t *) temp)->id,
                                 sizeof(ehr_uuid_t))
                      < 0);

        link = less ? &temp->left : &temp->right;

        if (*link == sentinel) {
            break;
        }

        temp = *link;
    }

    *link = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
    ngx_rbt_red(node);
}


void *
ehr_feed_named(ngx_rbtree_t *tree, const ehr_uuid_t *id)
{
    int                 rc;
    ngx_rbtree_key_t    key;
    ngx_rbtree_node_t  *node;

    key = ehr_feed_key(id);
    node = tree->root;

    while (node != tree->sentinel) {
        if (key != node->key) {
            node = key < node->key ? node->left : node->right;
            continue;
        }

        rc = ngx_memcmp(id, &((ehr_feed_named_t *) node)->id,
                        sizeof(ehr_uuid_t));
        if (rc == 0) {
            return node;
        }

        node = rc < 0 ? node->left : node->right;
    }

    return NULL;
}


void *
ehr_feed_named_add(ehr_feed_t *feed, ngx_rbtree_t *tree, const ehr_uuid_t *id,
    size_t size)
{
    ehr_feed_named_t  *named;

    named = ehr_feed_named(tree, id);

    if (named == NULL) {
        named = ngx_pcalloc(feed->pool, size);
        if (named == NULL) {
            return NULL;
        }

        named->id = *id;
        named->node.key = ehr_feed_key(id);
        ngx_rbtree_insert(tree, &named->node);
    }

    return named;
}
